import { scaleColumnMajor } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import { requireLayout } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OpDefinition } from './op.ts';
import {
  type BlockScaleGemmInput,
  type BlockScaleGemmParams,
  blockScaleGemmBound,
  blockScaleGemmOutput,
  blockScaleGemmReference,
  checkBlockScaleGemm,
} from './shared/block-scale-gemm.ts';
import type { BlockScaleMath } from './shared/block-scale-math.ts';
import { isHonestColumnMajor, refuseTransposedView } from './shared/scale-strides.ts';

const OP = 'gemm_a8w8_blockscale';

/**
 * `y[m, n] = sum_g x_scale[m, g] * w_scale[n / 128, g] * sum_{k in g} x[m, k] * w[n, k]`, everything row-major. With a
 * `math` of AITER's Triton kernel, which goes by strides, x_scale may also be column-major, if its strides say so.
 *
 * x [M, K] and w [N, K] are e4m3fn or e4m3fnuz (both the same), x_scale is f32 [M, G], w_scale f32 [Nb, G] with
 * G = ceil(K / 128) and Nb = ceil(N / 128). The last block of a row or column may be shorter.
 */
export const gemmA8w8Blockscale: OpDefinition<BlockScaleGemmParams, BlockScaleGemmInput, 'y'> = {
  name: OP,
  summary: 'fp8 matrix multiplication with a scale for every 1x128 of x and 128x128 of w, plain layouts',
  source: 'AITER aiter/ops/gemm_op_a8w8.py gemm_a8w8_blockscale',
  inputs: ['x', 'w', 'x_scale', 'w_scale'],
  outputs: ['y'],
  plan(params, operands) {
    const sizes = checkBlockScaleGemm(OP, params, operands);
    const { M, N, K, groups } = sizes;
    requireLayout(
      OP,
      operands.w,
      rowMajor([N, K]),
      `Permute it to rowMajor([${N}, ${K}]), or call gemm_a8w8_blockscale_bpreshuffle, which reads shuffled weights.`,
    );
    const output = blockScaleGemmOutput(OP, params, sizes);
    requirePlainScale(operands.x_scale, [M, groups], params.math);
    return { y: output };
  },
  reference(params, operands) {
    const { y } = gemmA8w8Blockscale.plan(params, operands);
    return { y: blockScaleGemmReference(params, operands, y) };
  },
  bound(params, operands) {
    gemmA8w8Blockscale.plan(params, operands);
    return { y: blockScaleGemmBound(params, operands) };
  },
};

/** Row-major for every kernel; for the Triton one any honest strides. */
function requirePlainScale(scale: Tensor, shape: readonly [number, number], math: BlockScaleMath = 'exact'): void {
  const plain = rowMajor(shape);
  const remedy =
    `Permute it to rowMajor([${shape.join(', ')}]), or call gemm_a8w8_blockscale_bpreshuffle, ` +
    'which reads transposed scales.';
  if (scale.layout.equals(plain)) return;
  if (math !== 'triton' && math !== 'triton-unfused') requireLayout(OP, scale, plain, remedy);
  const read = [plain.id, scaleColumnMajor(shape).id];
  refuseTransposedView(OP, scale, read);
  if (!isHonestColumnMajor(scale)) throw new LayoutMismatchError(OP, scale.name, scale.layout, read, remedy);
}
