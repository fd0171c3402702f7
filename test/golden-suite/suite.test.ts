import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openBackend } from '../../backends/registry.ts';
import { openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { fileSource } from '../../src/io/node.ts';

const files = readdirSync('test/golden').map((name) => `test/golden/${name}`);

// A software adapter compiles every kernel once, beside other test files.
it.each(['cpu', 'webgpu'] as const)('every committed golden case holds on %s', { timeout: 600_000 }, async (id) => {
  const backend = await openBackend(id);
  const sources = await Promise.all(files.map(fileSource));
  const report = await runGolden(backend, await Promise.all(sources.map(openGoldenFile)));
  await Promise.all(sources.map((source) => source.close()));
  await backend.dispose();
  expect(
    report.results.filter(({ status }) => status === 'fail').map((result) => `${result.case}: ${result.reason}`),
  ).toEqual([]);
  expect(report.cases).toBe(311);
  expect(
    report.results.filter(({ status }) => status === 'skip').map((result) => `${result.case}: ${result.reason}`),
  ).toEqual([]);
});
