import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { FP8_INCIDENTS } from '../../src/golden/fp8-incidents.ts';
import { MOE_INCIDENTS } from '../../src/golden/moe-incidents.ts';
import { openGoldenFile, runGolden } from '../../src/golden/run.ts';
import { fileSource } from '../../src/io/node.ts';
import { readSafetensors } from '../../src/io/safetensors-read.ts';
import { memorySource } from '../../src/io/source.ts';
import { goldenCases } from '../helpers/golden-edit.ts';

const FILES = [
  ['test/golden/fp8-incidents.safetensors', FP8_INCIDENTS],
  ['test/golden/moe-incidents.safetensors', MOE_INCIDENTS],
] as const;

describe.each(['cpu', 'webgpu'] as const)('on %s', (id) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend(id);
  });
  afterAll(() => backend.dispose());

  it.each(FILES)('every incident of %s is reproduced beside the right answer', async (file, incidents) => {
    const source = await fileSource(file);
    const report = await runGolden(backend, [await openGoldenFile(source)]);
    await source.close();
    expect(report.results.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(report.cases).toBe(incidents.flatMap(({ ops }) => ops).length);
  });

  it.each(FILES)('every incident of %s fails when it is run the wrong way, and says where', async (file, incidents) => {
    const source = await fileSource(file);
    const report = await runGolden(backend, [await openGoldenFile(source)], { wrongWay: true });
    await source.close();
    for (const result of report.results) {
      const incident = incidents.find((one) => result.case.startsWith(one.id));
      expect(result.status).toBe('fail');
      expect(result.invalid).not.toBe(true);
      expect(result.reason).toMatch(
        new RegExp(
          `^run with "${incident?.title}": \\d+ of (?:320|640) elements differ from "y"; first at \\[\\d+, \\d+\\] \\(offset \\d+, byte \\d+\\)`,
        ),
      );
      expect(result.reason).not.toContain('outside the bound');
    }
    expect(report.failed).toBe(report.cases);
  });
});

it.each(FILES)('%s has a case for every incident and op', async (file, incidents) => {
  const source = await fileSource(file);
  const { metadata } = await readSafetensors(source);
  await source.close();
  const names = Object.keys(metadata).map((key) => key.replace('case:', ''));
  expect(names.sort()).toEqual(incidents.flatMap(({ id, ops }) => ops.map((op) => `${id}__${op}`)).sort());
});

it('runs nothing else when asked for the wrong way', async () => {
  const source = await fileSource('test/golden/gemm.safetensors');
  const backend = await openBackend('cpu');
  const report = await runGolden(backend, [await openGoldenFile(source)], { wrongWay: true });
  await source.close();
  expect(report.cases).toBe(0);
});

it('names an incident that does not exist, and one that cannot happen to the op', async () => {
  const edited = (incident: string): Uint8Array => {
    const name = 'scale-dropped__gemm_a8w8_blockscale';
    const golden = goldenCases('fp8-incidents.safetensors', name);
    const params = JSON.parse(golden.metadata[`case:${name}`] ?? '') as object;
    golden.metadata[`case:${name}`] = JSON.stringify({ ...params, incident });
    return golden.bytes();
  };
  const backend = await openBackend('cpu');
  const reasons: (string | undefined)[] = [];
  for (const incident of ['scale-lost', 'weight-tile-32']) {
    const file = await openGoldenFile(memorySource(edited(incident), 'mine.safetensors'));
    reasons.push((await runGolden(backend, [file])).results[0]?.reason);
  }
  expect(reasons).toMatchInlineSnapshot(`
    [
      "mine.safetensors: case "scale-dropped__gemm_a8w8_blockscale": incident "scale-lost" is unknown. Known: scale-transposed-twice, scale-not-transposed, scale-transposed-read-row-major, weight-shuffled-read-plain, weight-plain-read-shuffled, weight-shuffled-twice, weight-tile-32, scale-dropped, scale-truncated-to-ue8m0, scale-ceiled-without-requant, float-scale-read-as-ue8m0, ue8m0-read-as-float-scale, fn-read-as-fnuz, moe-l3-read-separated, moe-l2-read-interleave, moe-l4-read-separated, moe-l4-read-interleave, moe-l5-read-separated, moe-l5-read-interleave, moe-l6-read-separated, moe-l6-read-interleave, moe-scale-not-deinterleaved, moe-bias-not-deinterleaved, moe-shuffle-dropped-separated, moe-shuffle-dropped-interleave, moe-shuffled-twice, moe-shuffle-flag-lost, moe-nibbles-swapped, moe-stale-pad.",
      "mine.safetensors: case "scale-dropped__gemm_a8w8_blockscale": incident "weight-tile-32" happens to gemm_a8w8_blockscale_bpreshuffle, and this case has no output of these.",
    ]
  `);
});
