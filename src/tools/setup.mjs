// Brings a fresh clone into a state in which every npm script works: dependencies installed, sources built.
// Runs before `npm start`, `npm test` and `npm run bench`; does nothing when everything is up to date.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(`preshuffle needs Node 20 or later, this is ${process.version}. Install a newer Node and run again.`);
  process.exit(2);
}

if (!isInstalled()) run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'installing dependencies');
if (!isBuilt()) run(process.execPath, ['src/tools/build.mjs'], 'building');

/** npm writes node_modules/.package-lock.json last; older than our lock file means an interrupted or outdated install. */
function isInstalled() {
  const mark = path.join('node_modules', '.package-lock.json');
  return existsSync(mark) && statSync(mark).mtimeMs >= statSync('package-lock.json').mtimeMs;
}

/** The build writes dist/.built last. */
function isBuilt() {
  const mark = path.join('dist', '.built');
  if (!existsSync(mark)) return false;
  const builtAt = statSync(mark).mtimeMs;
  const newest = Math.max(
    ...['src', 'backends', 'shaders'].map((folder) => newestIn(folder)),
    statSync('package.json').mtimeMs,
  );
  return builtAt >= newest;
}

function newestIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((newest, entry) => {
    if (entry.name === 'generated') return newest;
    const file = path.join(folder, entry.name);
    return Math.max(newest, entry.isDirectory() ? newestIn(file) : statSync(file).mtimeMs);
  }, 0);
}

function run(command, args, what) {
  console.error(`preshuffle: ${what} …`);
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (error !== undefined || status !== 0) {
    console.error(`preshuffle: ${what} failed (${error?.message ?? `exit ${status}`}): ${command} ${args.join(' ')}`);
    process.exit(2);
  }
}
