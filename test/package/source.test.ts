import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const node = (...args: readonly string[]): string => execFileSync(process.execPath, args, { encoding: 'utf8' });

it('has no dependency cycle', () => {
  const output = node(
    'node_modules/dpdm/lib/bin/dpdm.js',
    '--no-tree',
    '--no-warning',
    '--no-progress',
    '-T',
    'src/**/*.ts',
    'src/**/*.tsx',
    'backends/**/*.ts',
  );
  expect(output).toContain('Congratulations, no circular dependency was found in your project.');
});

it('has generated tables, shared shader blocks and golden files up to date', () => {
  expect(node('src/tools/run-ts.mjs', 'src/tools/docs-tables.ts', '--check')).toBe('');
  expect(node('src/tools/generate-shaders.mjs', '--check')).toBe('');
  expect(node('src/tools/run-ts.mjs', 'src/tools/golden/main.ts', '--check')).toBe('');
});

it('locks dependencies without naming a registry', () => {
  const lock = readFileSync('package-lock.json', 'utf8');
  expect(lock).not.toMatch(/"resolved": "https?:/);
});
