// Builds dist/: ES modules by esbuild (split into chunks, so that every subpath shares one copy of each class) and
// declarations by tsc. dist/.built is written last and marks a complete build.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildVisualizer } from './build-visualizer.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });

node('src/tools/generate-shaders.mjs');

await build({
  entryPoints: {
    index: 'src/index.ts',
    formats: 'src/formats/index.ts',
    layout: 'src/layout/index.ts',
    dispatch: 'src/dispatch/index.ts',
    moe: 'src/moe/index.ts',
    golden: 'src/golden/index.ts',
    io: 'src/io/index.ts',
    'io-node': 'src/io/index-node.ts',
    diagnosis: 'src/diagnosis/index.ts',
    minimize: 'src/minimize/index.ts',
    probe: 'src/probe/index.ts',
    'backends/cpu': 'backends/cpu/index.ts',
    'backends/webgpu': 'backends/webgpu/index.ts',
    'backends/hip': 'backends/hip/index.ts',
    cli: 'src/cli/main.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  // Dependencies stay imports; what needs Node imports it by its node: name.
  packages: 'external',
  external: ['node:*'],
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
});
chmodSync('dist/cli.js', 0o755);
await buildVisualizer('dist/visualizer');

const typescript = path.dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
node(path.join(typescript, 'bin', 'tsc'), '-p', 'src/tools/tsconfig.types.json');

writeFileSync('dist/.built', '');

function node(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
