import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = process.cwd();
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
const subpaths = Object.keys(manifest.exports).filter((key) => key !== './package.json');
const browserSubpaths = subpaths.filter((key) => key !== './backends/hip');

let folder = '';

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-tarball-'));
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  ) as { filename: string }[];
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  // Without the optional native packages: the library must be usable, and say clearly what is missing.
  run('npm', ['install', '--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', `./${packed?.filename}`]);
}, 240_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('contains the build, the shaders and the documents, and no sources or tests', () => {
  const names = readdirSync(path.join(folder, 'node_modules/preshuffle')).sort();
  expect(names).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'backends',
    'dist',
    'docs',
    'package.json',
    'shaders',
  ]);
});

it('does not install native packages by force', () => {
  const installed = readdirSync(path.join(folder, 'node_modules'));
  for (const name of Object.keys(manifest.optionalDependencies)) expect(installed).not.toContain(name);
});

describe.each(subpaths)('%s', (subpath) => {
  const name = subpath === '.' ? 'preshuffle' : `preshuffle/${subpath.slice(2)}`;
  it('imports in Node and exports something', () => {
    const names = run('node', [
      '--input-type=module',
      '-e',
      `import * as m from '${name}'; console.log(Object.keys(m).length)`,
    ]);
    expect(Number(names)).toBeGreaterThan(0);
  });
  it('has type declarations', () => {
    const entry = manifest.exports[subpath] as { readonly types?: string; readonly node?: { readonly types: string } };
    const types = entry.types ?? entry.node?.types ?? '';
    expect(readFileSync(path.join(folder, 'node_modules/preshuffle', types), 'utf8')).toContain('export');
  });
});

it('exports its package.json', () => {
  const code =
    "import { createRequire } from 'node:module'; console.log(createRequire(import.meta.url)('preshuffle/package.json').name)";
  expect(run('node', ['--input-type=module', '-e', code]).trim()).toBe('preshuffle');
});

describe.each(browserSubpaths)('%s for browsers', (subpath) => {
  const name = subpath === '.' ? 'preshuffle' : `preshuffle/${subpath.slice(2)}`;
  it('bundles without a static import of a Node module', async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: `export * from '${name}';`, resolveDir: folder },
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'browser',
      splitting: true,
      outdir: path.join(folder, 'bundle'),
      // What the backends load lazily under Node only.
      external: ['node:*', 'webgpu', 'koffi'],
      logLevel: 'silent',
    });
    expect(outputFiles.length).toBeGreaterThan(0);
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    const statics = imports.filter(({ kind, external }) => kind !== 'dynamic-import' && external === true);
    expect(statics).toEqual([]);
  });
});

it('bundles the number formats alone in a few kilobytes', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "import { encodeArray, decodeArray } from 'preshuffle/formats'; console.log(encodeArray, decodeArray);",
      resolveDir: folder,
    },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
  });
  expect(outputFiles[0]?.contents.length).toBeLessThan(10_000);
});

it('type-checks in a consumer', () => {
  writeFileSync(
    path.join(folder, 'consumer.ts'),
    `import { shuffleWeight, tensorFrom, type Tensor } from 'preshuffle';
import { encodeArray } from 'preshuffle/formats';
import { parseSafetensors } from 'preshuffle/io';
import { openCpu } from 'preshuffle/backends/cpu';
const codes: Uint8Array = encodeArray('e4m3fn', Float32Array.of(1));
const x: Tensor<'e4m3fn', 'row-major'> = tensorFrom('x', 'e4m3fn', [1, 1], codes);
// @ts-expect-error a plain tensor is not a preshuffled one
const w: Tensor<'e4m3fn', 'shuffle_weight(16,16)'> = x;
export const result = openCpu().run('permute', { to: shuffleWeight([16, 32]) }, { x: w });
export const parsed = parseSafetensors;
`,
  );
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'es2023,dom',
  ];
  expect(run('node', [tsc, ...options, 'consumer.ts'])).toBe('');
});

it('runs its program', () => {
  const output = run('node', ['node_modules/preshuffle/dist/cli.js', 'devices', '--json']);
  const probes = JSON.parse(output) as readonly {
    readonly id: string;
    readonly available: boolean;
    readonly tried: readonly string[];
  }[];
  expect(probes.map(({ id }) => id)).toEqual(['cpu', 'webgpu', 'hip']);
  expect(probes[0]?.available).toBe(true);
  expect(probes[1]?.available).toBe(false);
  expect(probes[1]?.tried.join('\n')).toMatch(/npm install (webgpu|@sparticuz\/chromium)/);
});
