import { scaleTransposedView } from '../layout/catalog.ts';
import { requireLayout } from '../tensor/expect.ts';
import type { OpDefinition } from './op.ts';
import {
  type BlockScaleGemmInput,
  type BlockScaleGemmParams,
  blockScaleGemmBound,
  blockScaleGemmOutput,
  blockScaleGemmReference,
  checkBlockScaleGemm,
} from './shared/block-scale-gemm.ts';
import { requireShuffledWeight } from './shared/shuffled-weight.ts';

const OP = 'gemm_a8w8_blockscale_bpreshuffle';

/**
 * The same product as `gemm_a8w8_blockscale`, read from other places: w is stored by `shuffle_weight(w, (16, 16))` and
 * x_scale column by column (byte order [G, M], whatever the strides say). w_scale stays row-major.
 *
 * Kernels check neither. With one row the two orders of x_scale coincide, so a wrong one shows up in prefill only:
 * here it is a LayoutMismatchError. N must be a multiple of 16, K of 32.
 */
export const gemmA8w8BlockscaleBpreshuffle: OpDefinition<BlockScaleGemmParams, BlockScaleGemmInput, 'y'> = {
  name: OP,
  summary: 'fp8 block-scaled matrix multiplication on shuffled weights and transposed activation scales',
  source: 'AITER aiter/ops/gemm_op_a8w8.py gemm_a8w8_blockscale_bpreshuffle',
  inputs: ['x', 'w', 'x_scale', 'w_scale'],
  outputs: ['y'],
  plan(params, operands) {
    const sizes = checkBlockScaleGemm(OP, params, operands);
    const { M, groups } = sizes;
    const { w, x_scale } = operands;
    requireShuffledWeight(OP, w, { plain: 'gemm_a8w8_blockscale' });
    requireLayout(
      OP,
      x_scale,
      scaleTransposedView([M, groups]),
      `Permute it to scaleTransposedView([${M}, ${groups}]), or call gemm_a8w8_blockscale, which reads row-major scales.`,
    );
    return { y: blockScaleGemmOutput(OP, params, sizes) };
  },
  reference(params, operands) {
    const { y } = gemmA8w8BlockscaleBpreshuffle.plan(params, operands);
    return { y: blockScaleGemmReference(params, operands, y) };
  },
  bound(params, operands) {
    gemmA8w8BlockscaleBpreshuffle.plan(params, operands);
    return { y: blockScaleGemmBound(params, operands) };
  },
};
