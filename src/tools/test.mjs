// `npm test`: types, lint, generated files, then every test. Ends with one line `N passed, N failed`.
// Arguments are handed to vitest: `npm test -- test/layout`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);

const only = process.argv.slice(2);
if (only.length === 0) {
  step('types', 'typescript/bin/tsc', ['-p', '.']);
  step('lint', '@biomejs/biome/bin/biome', ['check', '.']);
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-test-'));
const summaryFile = path.join(scratch, 'summary.json');
const status = run('vitest/vitest.mjs', [
  'run',
  '--config',
  'test/vitest.config.ts',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${summaryFile}`,
  ...only,
]);

let summary;
try {
  summary = JSON.parse(readFileSync(summaryFile, 'utf8'));
} catch (error) {
  console.error(`vitest left no summary (${error.message}); see its output above.`);
  process.exit(status === 0 ? 1 : status);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

const { numPassedTests: passed, numFailedTests: failed, numFailedTestSuites: suites } = summary;
const skipped = summary.numPendingTests + (summary.numTodoTests ?? 0);
if (skipped > 0 && process.env.CI === 'true') {
  console.error(`${skipped} tests were skipped; on CI every test must run.`);
  process.exitCode = 1;
}
console.log(
  `${passed} passed, ${Math.max(failed, failed === 0 ? suites : failed)} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
if (status !== 0) process.exitCode = status;

function run(script, args) {
  return spawnSync(process.execPath, [path.join('node_modules', script), ...args], { stdio: 'inherit' }).status ?? 1;
}

function step(name, script, args) {
  const status = run(script, args);
  if (status === 0) return;
  console.error(`npm test: ${name} failed.`);
  console.log('0 passed, 1 failed');
  process.exit(status);
}
