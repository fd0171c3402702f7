import { describe, expect, it } from 'vitest';
import { minimize, SHRINKABLE_OPS } from '../../src/minimize/index.ts';
import { judge } from '../../src/minimize/judge.ts';
import { definitionOf, OP_NAMES } from '../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { writeCase } from '../../src/probe/write-case.ts';

/** The default probe of each op, and what else changes how operands follow their sizes. */
const PROBES: readonly ProbeOptions[] = [
  ...OP_NAMES.map((op) => ({ op })),
  { op: 'fp8_gemm_nt', scales: 'packed' },
  { op: 'encode', params: { format: 'e2m1' } },
  { op: 'fused_moe_mxfp4', layout: 'plain' },
  { op: 'fused_moe_mxfp4', layout: 'checkpoint' },
  { op: 'fused_moe_mxfp4', layout: 'interleave' },
  { op: 'moe_stage1_mxfp4', layout: 'plain', params: { activation: 'silu', scheme: 'a8w4' } },
  { op: 'moe_stage2_mxfp4', layout: 'separated', params: { scheme: 'a4w4' } },
  { op: 'fused_rms_fp8_group_quant', second: true },
];

function nameOf({ op, ...rest }: ProbeOptions): string {
  return Object.keys(rest).length === 0 ? op : `${op} ${JSON.stringify(rest).replaceAll('"', '')}`;
}

describe('every op', () => {
  it('has steps', () => {
    expect(SHRINKABLE_OPS).toEqual(OP_NAMES);
  });

  it('becomes as small as its layouts and scales allow where every call fails, and stays a call of the op', async () => {
    const lines: string[] = [];
    for (const probe of PROBES) {
      const { call, before, after, simplified, complete } = await minimize(probeCall(probe), () =>
        Promise.resolve(true),
      );
      const { op, params, operands } = call;
      expect(judge(call, definitionOf(op).reference(params, operands)).failing).toEqual([]);
      expect(complete).toBe(true);
      // A small call can be written as a golden case.
      await writeCase(call);
      expect(simplified.every(({ left }) => left === 0)).toBe(true);
      const sizes = Object.keys(after).map((name) => `${name} ${before[name]} -> ${after[name]}`);
      lines.push(`${nameOf(probe)}: ${sizes.join(', ')}`);
    }
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "act_mul_and_fp8_group_quant: rows 61 -> 1, columns 896 -> 1
      add_rmsnorm_quant: rows 61 -> 1, columns 896 -> 1
      ceil_to_ue8m0: rows 61 -> 1, columns 7 -> 1
      decode: rows 61 -> 1, columns 256 -> 1
      deepgemm_per_block_cast: rows 384 -> 1, columns 896 -> 1
      deepgemm_per_token_cast: rows 61 -> 1, columns 896 -> 1
      deepgemm_per_token_cast_packed: rows 61 -> 1, columns 896 -> 1
      dynamic_mxfp4_quant: rows 61 -> 1, columns 896 -> 2
      encode: rows 61 -> 1, columns 256 -> 1
      fp8_gemm_nt: M 61 -> 1, N 384 -> 64, K 640 -> 128
      fused_flatten_fp8_group_quant: rows (dimension 0) 13 -> 1, rows (dimension 1) 5 -> 1, columns 256 -> 128
      fused_moe_mxfp4: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 64, hidden 256 -> 64
      fused_rms_fp8_group_quant: rows 61 -> 1, columns 896 -> 1
      gemm_a4w4_bpreshuffle: M 61 -> 1, N 384 -> 16, K 640 -> 64
      gemm_a8w8_blockscale: M 61 -> 1, N 384 -> 1, K 640 -> 32
      gemm_a8w8_blockscale_bpreshuffle: M 61 -> 1, N 384 -> 16, K 640 -> 32
      gemm_a8w8_bpreshuffle: M 61 -> 1, N 384 -> 16, K 640 -> 32
      moe_sorting: tokens 61 -> 1, topk 4 -> 1, experts 16 -> 1
      moe_stage1_mxfp4: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 32, hidden 256 -> 64
      moe_stage2_mxfp4: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 64, hidden 256 -> 32
      mx_scale: rows 61 -> 1, columns 7 -> 1
      mxfp4_quant: rows 61 -> 1, columns 896 -> 32
      mxfp8_quant: rows 61 -> 1, columns 896 -> 32
      normalize_e4m3fn_to_e4m3fnuz: w rows 384 -> 1, w columns 640 -> 1, scale rows 3 -> 1, scale columns 5 -> 1
      pack_ue8m0_mn_major: rows 61 -> 1, groups 7 -> 1
      pack_ue8m0_to_int: rows 61 -> 1, columns 7 -> 1
      per_1x128_quant: rows 61 -> 1, columns 896 -> 128
      per_tensor_quant: rows 61 -> 1, columns 896 -> 1
      per_token_quant: rows 61 -> 1, columns 896 -> 1
      permute: rows 96 -> 16, columns 256 -> 32
      requant_weight_ue8m0: rows 384 -> 1, columns 640 -> 1
      swiglu: rows 61 -> 1, columns 256 -> 1
      topk_softmax: tokens 61 -> 1, topk 4 -> 1, experts 48 -> 1
      unpack_ue8m0_scale: rows 61 -> 1, groups 7 -> 1
      fp8_gemm_nt {scales:packed}: M 61 -> 1, N 384 -> 64, K 640 -> 128
      encode {params:{format:e2m1}}: rows 61 -> 1, columns 256 -> 2
      fused_moe_mxfp4 {layout:plain}: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 32, hidden 256 -> 32
      fused_moe_mxfp4 {layout:checkpoint}: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 32, hidden 256 -> 32
      fused_moe_mxfp4 {layout:interleave}: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 64, hidden 256 -> 128
      moe_stage1_mxfp4 {layout:plain,params:{activation:silu,scheme:a8w4}}: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 32, hidden 256 -> 32
      moe_stage2_mxfp4 {layout:separated,params:{scheme:a4w4}}: tokens 24 -> 1, topk 3 -> 1, experts 8 -> 1, inter 128 -> 64, hidden 256 -> 32
      fused_rms_fp8_group_quant {second:true}: rows 61 -> 1, columns 896 -> 1, columns of x2 512 -> 1"
    `);
  });
});
