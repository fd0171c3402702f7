import type { Campaign } from './campaign.ts';

/** Shapes of matrix multiplications: whole blocks, and ragged in every axis that the op lets be ragged. */
export const GEMM_CAMPAIGNS: readonly Campaign[] = [
  { op: 'gemm_a8w8_blockscale', probes: [{ sizes: { m: 20, n: 256, k: 384 } }, { sizes: { m: 37, n: 200, k: 600 } }] },
  {
    op: 'gemm_a8w8_blockscale_bpreshuffle',
    probes: [{ sizes: { m: 20, n: 256, k: 384 } }, { sizes: { m: 37, n: 208, k: 608 } }],
  },
  { op: 'gemm_a8w8_bpreshuffle', probes: [{ sizes: { m: 20, n: 256, k: 384 } }, { sizes: { m: 37, n: 208, k: 608 } }] },
  {
    op: 'fp8_gemm_nt',
    probes: [
      { sizes: { m: 20, n: 256, k: 640 }, scales: 'f32' },
      { sizes: { m: 37, n: 192, k: 384 }, scales: 'packed' },
    ],
  },
  { op: 'gemm_a4w4_bpreshuffle', probes: [{ sizes: { m: 20, n: 256, k: 384 } }, { sizes: { m: 37, n: 208, k: 320 } }] },
];

const MOE_SIZES = { tokens: 5, experts: 4, topk: 2, hidden: 256, inter: 128 };

/** Mixtures of experts: every order that weights come in, every scheme; ragged routes come with the probe. */
export const MOE_CAMPAIGNS: readonly Campaign[] = [
  {
    op: 'moe_stage1_mxfp4',
    probes: [
      { sizes: MOE_SIZES, layout: 'separated', params: { activation: 'swiglu' } },
      {
        sizes: { ...MOE_SIZES, tokens: 9, hidden: 384 },
        layout: 'interleave',
        params: { activation: 'swiglu', scheme: 'a8w4' },
      },
      { sizes: MOE_SIZES, layout: 'plain', params: { activation: 'silu', scheme: 'a4w4' } },
    ],
  },
  {
    op: 'moe_stage2_mxfp4',
    probes: [
      { sizes: MOE_SIZES, layout: 'separated' },
      { sizes: { ...MOE_SIZES, tokens: 9, inter: 192 }, layout: 'separated', params: { scheme: 'a8w4' } },
      { sizes: MOE_SIZES, layout: 'plain', params: { scheme: 'a4w4' } },
    ],
  },
  {
    op: 'fused_moe_mxfp4',
    probes: [
      { sizes: MOE_SIZES, layout: 'separated', params: { activation: 'swiglu' } },
      { sizes: { ...MOE_SIZES, tokens: 9 }, layout: 'interleave', params: { activation: 'swiglu', scheme: 'a8w4' } },
      { sizes: MOE_SIZES, layout: 'checkpoint', params: { activation: 'swiglu' } },
    ],
  },
];

/** Ops that are computed whole. */
export const OTHER_CAMPAIGNS: readonly Campaign[] = [
  { op: 'swiglu', probes: [{}] },
  { op: 'topk_softmax', probes: [{}, { sizes: { tokens: 7, experts: 12, topk: 3 } }] },
  { op: 'moe_sorting', probes: [{}] },
  { op: 'per_1x128_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'per_token_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'per_tensor_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'mxfp4_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'mxfp8_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'dynamic_mxfp4_quant', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'mx_scale', probes: [{}] },
  { op: 'act_mul_and_fp8_group_quant', probes: [{ sizes: { rows: 13, inter: 384 } }] },
  { op: 'add_rmsnorm_quant', probes: [{ sizes: { rows: 13, columns: 384 } }] },
  { op: 'fused_rms_fp8_group_quant', probes: [{ sizes: { rows: 13, columns: 384, columns2: 256 } }] },
  { op: 'fused_flatten_fp8_group_quant', probes: [{}] },
  { op: 'deepgemm_per_token_cast', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'deepgemm_per_token_cast_packed', probes: [{ sizes: { rows: 20, columns: 512 } }] },
  { op: 'deepgemm_per_block_cast', probes: [{ sizes: { n: 256, k: 384 } }] },
  { op: 'requant_weight_ue8m0', probes: [{ sizes: { n: 256, k: 384 } }] },
  { op: 'ceil_to_ue8m0', probes: [{}] },
  { op: 'pack_ue8m0_mn_major', probes: [{}] },
  { op: 'pack_ue8m0_to_int', probes: [{}] },
  { op: 'unpack_ue8m0_scale', probes: [{}] },
  { op: 'normalize_e4m3fn_to_e4m3fnuz', probes: [{}] },
  { op: 'encode', probes: [{}] },
  { op: 'decode', probes: [{}] },
  { op: 'permute', probes: [{}, { sizes: { rows: 48, columns: 192 } }] },
];
