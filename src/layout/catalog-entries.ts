import { PreshuffleError } from '../errors.ts';
import {
  scaleColumnMajor,
  scalePackedUe8m0,
  scaleRowMajor,
  scaleTmaAligned,
  scaleTransposedView,
} from './activation-scale.ts';
import type { CatalogEntry, CatalogParams } from './catalog-entry.ts';
import { w13CatalogEntries } from './catalog-w13.ts';
import { gateUpInterleaved } from './gate-up.ts';
import {
  moeShuffleWeightGfx1250,
  shuffleMxfp8fp4A,
  shuffleMxfp8fp4B,
  shuffleMxfp8fp4Scale,
  shuffleWeightGfx1250,
} from './gfx1250.ts';
import type { Layout } from './layout.ts';
import { columnMajor, rowMajor } from './plain.ts';
import { shuffleScale, shuffleScaleGuinterleave, shuffleScaleN32K4 } from './scales.ts';
import { type LayoutWarning, rowsPerExpertWarnings, weightColumnWarnings } from './shape-warnings.ts';
import { shuffleWeight, shuffleWeightGuinterleave, shuffleWeightNK } from './weights.ts';

const SHUFFLE = 'AITER aiter/ops/shuffle.py';

/** Every layout that preshuffle knows by name. */
export const catalog: readonly CatalogEntry[] = [
  {
    id: 'row-major',
    title: 'Row-major',
    operand: 'any',
    source: 'torch contiguous',
    padding: 'none',
    example: [32, 64],
    bind: (shape) => rowMajor(shape),
  },
  {
    id: 'column-major',
    title: 'Column-major',
    operand: 'any',
    source: 'torch .t().contiguous().t()',
    padding: 'none',
    example: [32, 64],
    bind: (shape) => columnMajor(shape),
  },
  {
    id: 'shuffle_weight(16,16)',
    title: 'Preshuffled weight, gate and up separated',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight`,
    padding: 'none',
    example: [32, 64],
    bind: (shape, params = {}) => shuffleWeight(shape, { bits: params.bits ?? 8 }),
    warnings: weightColumnWarnings,
  },
  {
    id: 'shuffle_weight(32,16)',
    title: 'Preshuffled weight of older assembly kernels',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight(layout=(32, 16))`,
    padding: 'none',
    example: [64, 64],
    bind: (shape, params = {}) => shuffleWeight(shape, { bits: params.bits ?? 8, tile: [32, 16] }),
  },
  {
    id: 'shuffle_weight(16,32)',
    title: 'Preshuffled weight, tiles of 64 columns',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight(layout=(16, 32))`,
    padding: 'none',
    example: [32, 128],
    bind: (shape, params = {}) => shuffleWeight(shape, { bits: params.bits ?? 8, tile: [16, 32] }),
  },
  {
    id: 'shuffle_weight(guinterleave,gate_up)',
    title: 'Preshuffled gate_up weight, 16-row blocks of gate and up alternating',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight(is_guinterleave=True, gate_up=True), shuffle_weight_a16w4`,
    padding: 'none',
    example: [2, 64, 128],
    bind: (shape, params = {}) => shuffleWeightGuinterleave(shape, { bits: params.bits ?? 8, gateUp: true }),
  },
  {
    id: 'shuffle_weight(guinterleave)',
    title: 'Preshuffled down weight of the a16w4 path (bytes of the separated shuffle)',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight(is_guinterleave=True), shuffle_weight_a16w4`,
    padding: 'none',
    example: [2, 32, 128],
    bind: (shape, params = {}) => shuffleWeightGuinterleave(shape, { bits: params.bits ?? 8, gateUp: false }),
  },
  {
    id: 'shuffle_weight_NK',
    title: 'Weight in tiles of one 16x32 matrix instruction',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight_NK`,
    padding: 'none',
    example: [32, 64],
    bind: (shape) => shuffleWeightNK(shape, { instN: 16, instK: 32 }),
  },
  {
    id: 'gate_up_interleaved',
    title: 'Checkpoint order g0, u0, g1, u1, …',
    operand: 'weight',
    source: 'GPT-OSS checkpoints; undone by SGLang process_weights_after_loading and ATOM _interleave_swiglu_weights',
    padding: 'none',
    example: [2, 16, 8],
    bind: (shape) => gateUpInterleaved(shape),
  },
  ...w13CatalogEntries,
  {
    id: 'shuffle_scale',
    title: 'Shuffled e8m0 scales, gate and up separated',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_scale; aiter/utility/fp4_utils.py e8m0_shuffle`,
    padding: 'undefined',
    example: [100, 11],
    bind: (shape) => shuffleScale(shape),
    warnings: rowsPerExpertWarnings,
  },
  {
    id: 'shuffle_scale(guinterleave,gate_up)',
    title: 'Shuffled e8m0 scales, gate and up side by side',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_scale(is_guinterleave=True, gate_up=True), shuffle_scale_a16w4`,
    padding: 0x7f,
    example: [64, 11],
    bind: (shape, { experts = 1 } = {}) => shuffleScaleGuinterleave(shape, { experts, gateUp: true }),
  },
  {
    id: 'shuffle_scale(guinterleave)',
    title: 'Shuffled e8m0 scales of the down weight on the a16w4 path',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_scale(is_guinterleave=True), shuffle_scale_a16w4`,
    padding: 0x7f,
    example: [64, 11],
    bind: (shape, { experts = 1 } = {}) => shuffleScaleGuinterleave(shape, { experts, gateUp: false }),
  },
  {
    id: 'shuffle_scale_n32k4',
    title: 'e8m0 scales in 32x4 blocks (gfx1250)',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_scale_n32k4`,
    padding: 'none',
    example: [64, 8],
    bind: (shape, { experts = 1 } = {}) => shuffleScaleN32K4(shape, { experts, gateUp: false }),
  },
  {
    id: 'shuffle_scale_n32k4(gate_up)',
    title: 'e8m0 scales in 32x4 blocks, gate and up rows alternating (gfx1250)',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_scale_n32k4(is_guinterleave=True, gate_up=True)`,
    padding: 'none',
    example: [64, 8],
    bind: (shape, { experts = 1 } = {}) => shuffleScaleN32K4(shape, { experts, gateUp: true }),
  },
  {
    id: 'shuffle_weight_gfx1250',
    title: 'Preshuffled weight presented as [N/16, 16K] (gfx1250)',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_weight_gfx1250`,
    padding: 'none',
    example: [32, 64],
    bind: (shape, params = {}) => shuffleWeightGfx1250(shape, { bits: params.bits ?? 8 }),
  },
  {
    id: 'moe_shuffle_weight_gfx1250',
    title: 'Preshuffled gate_up weight, single rows alternating (gfx1250)',
    operand: 'weight',
    source: `${SHUFFLE} moe_shuffle_weight on gfx1250`,
    padding: 'none',
    example: [2, 32, 64],
    bind: (shape, params = {}) => moeShuffleWeightGfx1250(shape, { bits: params.bits ?? 8 }),
  },
  {
    id: 'shuffle_mxfp8fp4_a',
    title: 'Activation in 2x128 tiles (gfx1250)',
    operand: 'activation',
    source: `${SHUFFLE} shuffle_mxfp8fp4_a`,
    padding: 'none',
    example: [4, 256],
    bind: (shape) => shuffleMxfp8fp4A(shape),
  },
  {
    id: 'shuffle_mxfp8fp4_b',
    title: 'Weight in 16x16 tiles (gfx1250)',
    operand: 'weight',
    source: `${SHUFFLE} shuffle_mxfp8fp4_b`,
    padding: 'none',
    example: [32, 64],
    bind: (shape) => shuffleMxfp8fp4B(shape),
  },
  {
    id: 'shuffle_mxfp8fp4_scale',
    title: 'Scales in 32x4 tiles (gfx1250)',
    operand: 'weight scale',
    source: `${SHUFFLE} shuffle_mxfp8fp4_scale`,
    padding: 0x7f,
    example: [40, 8],
    bind: (shape) => shuffleMxfp8fp4Scale(shape),
  },
  {
    id: 'scale-rm',
    title: 'Activation scale, RM: row-major, honest metadata',
    operand: 'activation scale',
    source: 'SGLang fp8_utils.py; AITER gemm_a8w8_blockscale',
    padding: 'none',
    example: [5, 7],
    bind: (shape) => scaleRowMajor(shape),
  },
  {
    id: 'scale-cm',
    title: 'Activation scale, CM: column-major, honest strides',
    operand: 'activation scale',
    source: 'SGLang fp8_utils.py materialize_bpreshuffle_fp8_scale; AITER gemm_a8w8_blockscale_bpreshuffle',
    padding: 'none',
    example: [5, 7],
    bind: (shape) => scaleColumnMajor(shape),
  },
  {
    id: 'scale-tv',
    title: 'Activation scale, TV: column-major bytes under row-major metadata',
    operand: 'activation scale',
    source: 'AITER per_group_quant_hip(transpose_scale=True)',
    padding: 'none',
    example: [5, 7],
    bind: (shape) => scaleTransposedView(shape),
  },
  {
    id: 'scale-tma-aligned',
    title: 'Activation scale, MN-major with columns padded to 16 bytes',
    operand: 'activation scale',
    source: 'DeepGEMM get_mn_major_tma_aligned_tensor',
    padding: 'undefined',
    example: [5, 7],
    bind: (shape) => scaleTmaAligned(shape),
  },
  {
    id: 'scale-packed-ue8m0',
    title: 'Four UE8M0 bytes an int32, MN-major, TMA aligned',
    operand: 'activation scale',
    source: 'DeepGEMM get_mn_major_tma_aligned_packed_ue8m0_tensor',
    padding: 0,
    example: [5, 7],
    bind: (shape) => scalePackedUe8m0(shape),
  },
];

export type ShapeVerdict =
  | { readonly ok: true; readonly layout: Layout; readonly warnings: readonly LayoutWarning[] }
  | { readonly ok: false; readonly reason: string };

/** Whether a layout takes a shape, why not, and what a kernel will misread although nothing rejects it. */
export function checkShape(entry: CatalogEntry, shape: readonly number[], params: CatalogParams = {}): ShapeVerdict {
  try {
    return { ok: true, layout: entry.bind(shape, params), warnings: entry.warnings?.(shape, params) ?? [] };
  } catch (error) {
    if (!(error instanceof PreshuffleError)) throw error;
    return { ok: false, reason: error.message };
  }
}

export type { CatalogEntry, CatalogParams, LayoutWarning };
