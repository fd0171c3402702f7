import { describe, expect, it } from 'vitest';
import { openCpu } from '../../backends/cpu/index.ts';
import { openGoldenFile, runGolden } from '../../src/golden/run.ts';
import { memorySource } from '../../src/io/source.ts';
import { shuffleWeightNK } from '../../src/layout/catalog.ts';
import { OP_NAMES } from '../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { writeCase } from '../../src/probe/write-case.ts';

async function verdictOf(options: ProbeOptions): Promise<string> {
  const { bytes } = await writeCase(probeCall(options));
  const report = await runGolden(openCpu(), [await openGoldenFile(memorySource(bytes))]);
  return report.results.map(({ op, status, reason }) => `${op} ${status} ${reason}`.trim()).join('\n');
}

describe('a golden case of a probe', () => {
  it.each(OP_NAMES)('%s: passes with the outputs of the reference', async (op) => {
    expect(await verdictOf({ op })).toBe(`${op} pass`);
  });

  it.each<ProbeOptions>([
    { op: 'add_rmsnorm_quant', residual: false },
    { op: 'add_rmsnorm_quant', params: { group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' } },
    { op: 'add_rmsnorm_quant', params: { group: 128, scaleStore: 'transposed-view' } },
    { op: 'fused_rms_fp8_group_quant', second: true, residual: false },
    { op: 'gemm_a8w8_bpreshuffle', sizes: { k: 100 }, format: 'e4m3fnuz' },
    {
      op: 'gemm_a8w8_blockscale',
      sizes: { m: 3, n: 100, k: 200 },
      params: { block: [64, 32], out: 'f32', math: 'ck' },
    },
    { op: 'fp8_gemm_nt', scales: 'packed', data: 'random' },
    { op: 'fused_moe_mxfp4', layout: 'interleave', params: { scheme: 'a4w4', swiglu_limit: 3 } },
    { op: 'fused_moe_mxfp4', layout: 'checkpoint', bias: false },
    { op: 'moe_stage1_mxfp4', layout: 'plain', params: { scheme: 'a8w4' } },
    { op: 'moe_stage2_mxfp4', layout: 'plain', data: 'one-hot' },
    { op: 'encode', params: { format: 'e2m1', convention: 'aiter' } },
    { op: 'topk_softmax', type: 'bf16', params: { order: 'topk-softmax' } },
    { op: 'pack_ue8m0_mn_major', params: { granMn: 128, mn: 7700 } },
  ])('%j', async (options) => {
    expect(await verdictOf(options)).toMatch(/^\w+ pass$/);
  });

  it('says what it cannot express', async () => {
    await expect(writeCase(probeCall({ op: 'per_1x128_quant', params: { group: 64 } }))).rejects.toThrow(
      'writeCase: parameter "group": is 64, which golden cases of per_1x128_quant cannot express: read back it is left out. ' +
        'Leave it out, or hold such outputs against the reference with the library (docs/golden-format.md).',
    );
    const to = shuffleWeightNK([96, 256], { instN: 32, instK: 16 });
    await expect(writeCase(probeCall({ op: 'permute', params: { to } }))).rejects.toThrow(
      'parameter "to": is shuffle_weight_NK, which golden cases of permute cannot express: read back it is shuffle_weight_NK.',
    );
  });
});
