import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { diagnoseCheck, verifyDiagnosis } from '../../src/cli/verify-diagnosis.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { diagnosisLines } from '../../src/diagnosis/report-text.ts';
import { idsOf } from '../../src/diagnosis/report-words.ts';
import { INCIDENTS } from '../../src/golden/incidents.ts';
import { openGoldenFile, runGolden } from '../../src/golden/run.ts';
import { fileSource } from '../../src/io/node.ts';
import { parseSafetensors } from '../../src/io/safetensors-read.ts';
import { memorySource } from '../../src/io/source.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { faultyBackend } from '../helpers/faulty-backend.ts';
import { goldenCases } from '../helpers/golden-edit.ts';

const FILES = ['test/golden/fp8-incidents.safetensors', 'test/golden/moe-incidents.safetensors'] as const;
const PLENTY = 60_000;
/** A search takes seconds for each of the incidents of a file. */
const SLOW = 300_000;

/** Incidents that give the very numbers of another one, under which they are listed: two wrongs that meet in the same bytes. */
const SAME: Readonly<Record<string, string>> = {
  'moe-l5-read-interleave': 'moe-l4-read-separated',
  'moe-l6-read-interleave': 'moe-l6-read-separated',
  'moe-shuffled-twice': 'moe-shuffle-flag-lost',
};

async function missed(backend: Backend, file: string, ops?: readonly string[]): Promise<readonly string[]> {
  const source = await fileSource(file);
  const found: Diagnosis[] = [];
  const report = await runGolden(backend, [await openGoldenFile(source)], {
    wrongWay: true,
    ...(ops === undefined ? {} : { ops }),
    diagnose: async (check, outputs) => {
      const diagnosis = await diagnoseCheck(check, outputs, PLENTY);
      found.push(diagnosis);
      return diagnosisLines(diagnosis);
    },
  });
  await source.close();
  expect(report.cases).toBeGreaterThan(0);
  expect(found).toHaveLength(report.cases);
  return report.results.flatMap(({ case: name, diagnosis: lines }, at) => {
    const incident = INCIDENTS.find((known) => name.startsWith(known.id))?.id ?? '';
    const best = found[at]?.explanations[0];
    const named = best === undefined ? [] : [best.mistakes, ...best.sameAs].map(idsOf);
    return named.includes(SAME[incident] ?? incident) && lines[0]?.startsWith('DIAGNOSIS [')
      ? []
      : [`${name}: ${lines.join('; ')}`];
  });
}

describe('every incident that is run the wrong way is named', () => {
  it.each(FILES)('%s', { timeout: SLOW }, async (file) =>
    expect(await missed(await openBackend('cpu'), file)).toEqual([]),
  );

  it.each(Object.entries(SAME))('%s gives the numbers of %s', (incident, other) => {
    const file = parseSafetensors(new Uint8Array(readFileSync(FILES[1])), FILES[1]);
    const wrong = (id: string) => file.tensors.get(`${id}__fused_moe_mxfp4/y_wrong`)?.bytes;
    expect(wrong(incident)).toBeDefined();
    expect(wrong(incident)).toEqual(wrong(other));
  });

  // Where a scale underflows, WebGPU may give zeros, which say nothing; the scales of this op do not.
  it('with results of WebGPU, whose last bits are others', async () => {
    const backend = await openBackend('webgpu');
    expect(await missed(backend, FILES[0], ['gemm_a8w8_blockscale_bpreshuffle'])).toEqual([]);
    await backend.dispose();
  });
});

describe('a run with diagnoses', () => {
  const name = 'weight-plain-read-shuffled__gemm_a8w8_blockscale_bpreshuffle';
  const file = () => openGoldenFile(memorySource(goldenCases('fp8-incidents.safetensors', name).bytes(), 'mine'));

  it('has the lines in the result', async () => {
    const report = await runGolden(await openBackend('cpu'), [await file()], {
      wrongWay: true,
      diagnose: verifyDiagnosis(),
    });
    expect(report.results[0]?.diagnosis).toEqual([
      'DIAGNOSIS [weight-plain-read-shuffled] (100 % of 320 elements match): output equals the reference if a plain weight goes to a kernel that reads shuffled ones.',
      'remedy: Call shuffle_weight(w, (16, 16)) when the weight is loaded, before the first call of a bpreshuffle kernel.',
      expect.stringMatching(/^origin: SGLang/),
    ]);
  });

  it('puts the label of a check in front where several fail', async () => {
    const zeros = (outputs: Readonly<Record<string, Tensor>>) => ({
      y: { ...(outputs['y'] as Tensor), bytes: new Uint8Array((outputs['y'] as Tensor).bytes.length) },
    });
    const faults = ['gemm_a8w8_blockscale', 'gemm_a8w8_blockscale_bpreshuffle'].map((op) => ({ op, outputs: zeros }));
    const golden = goldenCases('gemm.safetensors', 'a8w8_blockscale_1x128x128');
    const report = await runGolden(
      faultyBackend(faults),
      [await openGoldenFile(memorySource(golden.bytes(), 'mine'))],
      { diagnose: async ({ op }) => [`about ${op}`] },
    );
    expect(report.results[0]?.diagnosis).toEqual([
      'row-major: about gemm_a8w8_blockscale',
      'bpreshuffle: about gemm_a8w8_blockscale_bpreshuffle',
    ]);
  });

  it('asks for none where everything holds', async () => {
    const report = await runGolden(await openBackend('cpu'), [await file()], {
      diagnose: () => Promise.reject(new Error('asked')),
    });
    expect(report.passed).toBe(1);
    expect(report.results[0]?.diagnosis).toEqual([]);
  });

  it('says so when the time for all of them is used up', async () => {
    const report = await runGolden(await openBackend('cpu'), [await file()], {
      wrongWay: true,
      diagnose: verifyDiagnosis({ runMs: 0 }),
    });
    expect(report.results[0]?.diagnosis).toEqual([
      'not diagnosed: the 0 s for diagnoses of a run are used up; run "preshuffle diagnose" on this case, or select fewer with --op',
    ]);
  });

  it('finds nothing wrong with outputs where the golden tensor is damaged', async () => {
    const golden = goldenCases('fp8-incidents.safetensors', name);
    const y = golden.tensors.get(`${name}/y`);
    if (y === undefined) throw new Error('missing');
    y.bytes[1] = (y.bytes[1] as number) ^ 0x40;
    const opened = await openGoldenFile(memorySource(golden.bytes(), 'mine'));
    const report = await runGolden(await openBackend('cpu'), [opened], { diagnose: verifyDiagnosis() });
    expect(report.results[0]?.diagnosis).toMatchInlineSnapshot(`
      [
        "NOT EXPLAINED (99.68 % of 320 elements match): no known mistake with gemm_a8w8_blockscale_bpreshuffle leads from what was expected to these operands.",
        "The kernel computed what these operands say, and that is not what was expected: the mistake is in the operands, or in what was expected.",
        "seen: 1 of 320 elements of y are wrong (0.3 %).",
        "seen: All that is wrong lies in row 0; every other row is right.",
        "seen: All that is wrong lies in column 0; every other column is right.",
      ]
    `);
  });
});
