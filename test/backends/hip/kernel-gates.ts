/** What a kernel must keep to on gfx950. Spills and scratch are never allowed, and LDS is limited everywhere. */
export interface Gate {
  /** Fewest waves of a SIMD at the same time. */
  readonly waves: number;
  /** Most registers of a lane, where `waves` would allow more. */
  readonly vgprs?: number;
  /** Matrix instructions in the hottest loop, exactly. Without it there is no such loop. */
  readonly mfma?: number;
  /** Most vector instructions in that loop. */
  readonly valu?: number;
  /** Most clocks of s_nop in that loop. */
  readonly nopClocks?: number;
  /** Most waits for all loads in that loop: each empties the pipeline. Default 0. */
  readonly fullWaits?: number;
}

/** By code object and kernel. A kernel that is not listed here fails the gates. */
export const GATES: Readonly<Record<string, Readonly<Record<string, Gate>>>> = {
  encode: each({ waves: 8 }, 'encode_f32', 'encode_bf16', 'encode_f16', 'encode_f64', 'decode'),
  'gemm-a4w4': {
    gemm_a4w4_few16: { waves: 4, vgprs: 128, mfma: 16, valu: 48, nopClocks: 32 },
    gemm_a4w4_many32: { waves: 3, vgprs: 136, mfma: 32, valu: 40, nopClocks: 16, fullWaits: 2 },
    gemm_a4w4_many64: { waves: 2, vgprs: 176, mfma: 64, valu: 56, nopClocks: 16, fullWaits: 2 },
    gemm_a4w4_many128: { waves: 2, vgprs: 248, mfma: 128, valu: 72, nopClocks: 32, fullWaits: 2 },
  },
  'gemm-fp8-around': each({ waves: 8 }, 'gemm_fp8_sum_parts', 'gemm_fp8_unpack_scales', 'gemm_fp8_pad_matrix'),
  'gemm-fp8-decode': {
    gemm_fp8_16x32_blocks: { waves: 7, vgprs: 72, mfma: 4, valu: 24, nopClocks: 128 },
    gemm_fp8_16x32_columns: { waves: 5, vgprs: 96, mfma: 4, valu: 32, nopClocks: 16 },
    gemm_fp8_16x32_rows: { waves: 8, vgprs: 64, mfma: 4, valu: 8, nopClocks: 0 },
    gemm_fp8_16x32_deep_blocks: { waves: 4, vgprs: 128, mfma: 8, valu: 48, nopClocks: 48 },
    gemm_fp8_16x32_deep_rows: { waves: 4, vgprs: 112, mfma: 8, valu: 16, nopClocks: 0 },
    gemm_fp8_16x64_blocks: { waves: 4, vgprs: 112, mfma: 8, valu: 32, nopClocks: 176 },
    gemm_fp8_16x64_rows: { waves: 4, vgprs: 104, mfma: 8, valu: 8, nopClocks: 0 },
  },
  'gemm-fp8-eight-waves': {
    gemm_fp8_256x256_blocks: { waves: 2, vgprs: 256, mfma: 64, valu: 168, nopClocks: 16 },
    gemm_fp8_256x256_rows: { waves: 2, vgprs: 208, mfma: 64, valu: 8, nopClocks: 32 },
  },
  'gemm-fp8-four-waves': {
    gemm_fp8_64x128_blocks: { waves: 4, vgprs: 120, mfma: 16, valu: 64, nopClocks: 48, fullWaits: 2 },
    gemm_fp8_64x128_columns: { waves: 4, vgprs: 128, mfma: 16, valu: 104, nopClocks: 0, fullWaits: 2 },
    gemm_fp8_64x128_rows: { waves: 5, vgprs: 96, mfma: 16, valu: 8, nopClocks: 0, fullWaits: 2 },
    gemm_fp8_128x128_blocks: { waves: 3, vgprs: 160, mfma: 32, valu: 136, nopClocks: 48, fullWaits: 2 },
    gemm_fp8_128x128_columns: { waves: 3, vgprs: 168, mfma: 32, valu: 200, nopClocks: 0, fullWaits: 2 },
    gemm_fp8_128x128_rows: { waves: 4, vgprs: 128, mfma: 32, valu: 16, nopClocks: 0, fullWaits: 2 },
    gemm_fp8_128x256_blocks: { waves: 2, vgprs: 248, mfma: 64, valu: 256, nopClocks: 160, fullWaits: 2 },
    gemm_fp8_128x256_rows: { waves: 2, vgprs: 232, mfma: 64, valu: 16, nopClocks: 0, fullWaits: 2 },
  },
  'moe-around': each({ waves: 8 }, 'moe_sort_scales', 'moe_combine'),
  'moe-sort': each({ waves: 8 }, 'moe_sort_count', 'moe_sort_plan', 'moe_sort_scatter', 'moe_sort_single'),
  'moe-stage1': {
    moe_stage1_a4w4_few16: { waves: 4, vgprs: 128, mfma: 16, valu: 48, nopClocks: 32 },
    moe_stage1_a8w4_few16: { waves: 3, vgprs: 144, mfma: 16, valu: 56, nopClocks: 64 },
    moe_stage1_a16w4_few16: { waves: 2, vgprs: 232, mfma: 64, valu: 360, nopClocks: 256 },
    moe_stage1_a16w4_many32: { waves: 2, vgprs: 176, mfma: 128, valu: 360, nopClocks: 272, fullWaits: 2 },
    moe_stage1_a4w4_many32: { waves: 3, vgprs: 144, mfma: 32, valu: 40, nopClocks: 32, fullWaits: 2 },
    moe_stage1_a8w4_many32: { waves: 3, vgprs: 160, mfma: 32, valu: 56, nopClocks: 32, fullWaits: 2 },
    moe_stage1_a4w4_many64: { waves: 2, vgprs: 192, mfma: 64, valu: 56, nopClocks: 16, fullWaits: 2 },
    moe_stage1_a8w4_many64: { waves: 2, vgprs: 240, mfma: 64, valu: 72, nopClocks: 32, fullWaits: 2 },
    moe_stage1_a16w4_many64: { waves: 2, vgprs: 256, mfma: 256, valu: 376, nopClocks: 272, fullWaits: 2 },
  },
  'moe-stage2': {
    moe_stage2_a4w4_few16: { waves: 4, vgprs: 128, mfma: 16, valu: 48, nopClocks: 32 },
    moe_stage2_a8w4_few16: { waves: 3, vgprs: 144, mfma: 16, valu: 56, nopClocks: 64 },
    moe_stage2_a16w4_few16: { waves: 2, vgprs: 232, mfma: 64, valu: 360, nopClocks: 256 },
    moe_stage2_a16w4_many32: { waves: 2, vgprs: 184, mfma: 128, valu: 360, nopClocks: 272, fullWaits: 2 },
    moe_stage2_a4w4_many32: { waves: 3, vgprs: 144, mfma: 32, valu: 40, nopClocks: 16, fullWaits: 2 },
    moe_stage2_a8w4_many32: { waves: 3, vgprs: 160, mfma: 32, valu: 56, nopClocks: 16, fullWaits: 2 },
    moe_stage2_a4w4_many64: { waves: 2, vgprs: 200, mfma: 64, valu: 56, nopClocks: 16, fullWaits: 2 },
    moe_stage2_a8w4_many64: { waves: 2, vgprs: 240, mfma: 64, valu: 64, nopClocks: 16, fullWaits: 2 },
    moe_stage2_a16w4_many64: { waves: 2, vgprs: 256, mfma: 256, valu: 376, nopClocks: 272, fullWaits: 2 },
  },
  norm_quant: {
    ...each(
      { waves: 8 },
      'norm_f32_512',
      'norm_f32_2048',
      'norm_f32_4096',
      'norm_f32_16384',
      'norm_bf16_512',
      'norm_bf16_2048',
      'norm_bf16_4096',
      'norm_bf16_16384',
      'norm_f16_512',
      'norm_f16_2048',
      'norm_f16_4096',
      'norm_f16_16384',
      'norm_any',
    ),
    norm_f32_8192: { waves: 4 },
    ...each({ waves: 5 }, 'norm_bf16_8192', 'norm_f16_8192'),
  },
  permute: each({ waves: 8 }, 'permute_4', 'permute_8', 'permute_16', 'permute_32', 'permute_64', 'permute_128'),
  quant: {
    quant_blocks_f32: { waves: 5 },
    ...each(
      { waves: 8 },
      'quant_ragged_f32',
      'quant_groups_f32',
      'tensor_amax_f32',
      'quant_tensor_f32',
      'scale_each_f32',
      'quant_ragged_bf16',
      'quant_groups_bf16',
      'tensor_amax_bf16',
      'quant_tensor_bf16',
      'scale_each_bf16',
      'quant_ragged_f16',
      'quant_groups_f16',
      'tensor_amax_f16',
      'quant_tensor_f16',
      'scale_each_f16',
      'quant_blocks_weight',
      'quant_ragged_weight',
    ),
    ...each({ waves: 7 }, 'quant_blocks_bf16', 'quant_blocks_f16'),
  },
  silu_quant: each({ waves: 8 }, 'silu_f32', 'silu_bf16', 'silu_f16', 'silu_any'),
  swiglu: {
    swiglu: { waves: 8 },
  },
  'topk-softmax': each({ waves: 8 }, 'topk_softmax_f32', 'topk_softmax_f16', 'topk_softmax_bf16'),
  ue8m0: each({ waves: 8 }, 'pack_rows', 'pack_mn_major', 'unpack_mn_major', 'fnuz_codes', 'fnuz_scales'),
};

function each(gate: Gate, ...kernels: readonly string[]): Readonly<Record<string, Gate>> {
  return Object.fromEntries(kernels.map((kernel) => [kernel, gate]));
}
