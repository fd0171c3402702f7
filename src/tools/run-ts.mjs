// Runs a TypeScript program of this repository on any Node: bundles it into .cache/ (dependencies and `preshuffle` itself
// stay imports) and starts it. Usage: node src/tools/run-ts.mjs examples/shuffle-weight.ts [arguments]
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [entry, ...rest] = process.argv.slice(2);
if (entry === undefined) {
  console.error('usage: node src/tools/run-ts.mjs FILE.ts [arguments]');
  process.exit(2);
}
const outfile = path.join(root, '.cache', `${path.basename(entry, '.ts')}-${process.pid}.mjs`);
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile, ...rest], { stdio: 'inherit' });
const { rmSync } = await import('node:fs');
rmSync(outfile, { force: true });
process.exit(status ?? 1);
