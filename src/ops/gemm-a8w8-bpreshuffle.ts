import { OperandError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireScaling, requireShape, requireType } from '../tensor/expect.ts';
import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition, Operands } from './op.ts';
import { gemmOutput, requireOneOf } from './shared/block-scale-gemm.ts';
import { type BlockScaledProduct, multiply } from './shared/block-scale-math.ts';
import { decodedMatrix, leadingColumns, requireFp8Matrices } from './shared/fp8-matrices.ts';
import { blockScaledBound } from './shared/gemm-bound.ts';
import { type OutputFormat, type OutputRounding, roundedBytes } from './shared/round-output.ts';
import { ROW_SCALE_COMBINE, type RowScaleMath } from './shared/row-scale-math.ts';
import { requireShuffledWeight } from './shared/shuffled-weight.ts';

const OP = 'gemm_a8w8_bpreshuffle';

/** Columns that share a scale in the block-scaled product. */
const BLOCK = 128;

export interface GemmA8w8BpreshuffleParams {
  /** Default `bf16`. AITER returns bf16 or f16; f32 is the accumulator after both scales. */
  readonly out?: OutputFormat;
  /** Order of the float32 operations in the reference. Default `exact`: float64, rounded once. */
  readonly math?: RowScaleMath;
  /** Default `nearest-even`. `truncate` needs `out: 'bf16'`. */
  readonly rounding?: OutputRounding;
}

type Input = 'x' | 'w' | 'x_scale' | 'w_scale';

/**
 * `y[m, n] = x_scale[m] * w_scale[n] * sum_k x[m, k] * w[n, k]`: one scale a token, one an output feature (PTPC).
 *
 * x is e4m3fn or e4m3fnuz [M, K], row-major; w is of the same type, stored by `shuffle_weight(w, (16, 16))`; x_scale is
 * f32 [M, 1], w_scale f32 [N, 1] or [1, N]. w may have more columns than x, because it was padded before the shuffle
 * (`pad_k_to`): as shape [N, Kw], or as a layout of [N, K] with padding. What lies beyond column K is never read. N must be
 * a multiple of 16, the stored columns of 32.
 *
 * There is no bias: AITER's function asserts that it is None. Add it to y afterwards, which rounds a second time.
 */
export const gemmA8w8Bpreshuffle: OpDefinition<GemmA8w8BpreshuffleParams, Input, 'y'> = {
  name: OP,
  summary: 'fp8 matrix multiplication with a scale for every row of x and of w, shuffled weights (PTPC)',
  source: 'AITER aiter/ops/gemm_op_a8w8.py gemm_a8w8_bpreshuffle',
  inputs: ['x', 'w', 'x_scale', 'w_scale'],
  outputs: ['y'],
  plan(params, operands) {
    const { out } = gemmOutput(OP, params);
    requireOneOf(OP, 'math', params.math ?? 'exact', Object.keys(ROW_SCALE_COMBINE));
    refuseBias(operands);
    const { x, w, M, N, K, weightColumns } = requireFp8Matrices(OP, operands, 'e4m3fn', 'e4m3fnuz');
    const xScale = requireOperand(OP, operands, 'x_scale');
    const wScale = requireOperand(OP, operands, 'w_scale');
    if (weightColumns < K) {
      throw new OperandError(
        OP,
        w.name,
        `has ${weightColumns} columns, but x has ${K}: a weight may be padded beyond the columns of x, never cut. ` +
          `Shuffle the whole weight [${N}, ${K}], or pass the ${weightColumns} columns of x that belong to this one.`,
      );
    }
    for (const scale of [xScale, wScale]) {
      requireType(OP, scale, 'f32');
      requireScaling(OP, scale, 'f32', 'ue8m0-f32');
    }
    checkTokenScale(xScale, M, K);
    checkFeatureScale(wScale, N);
    requireLayout(OP, x, rowMajor([M, K]));
    requireShuffledWeight(OP, w, { plain: `gemm_a8w8_blockscale with block [1, ${K}]`, padded: true });
    return { y: { name: 'y', type: out, layout: rowMajor([M, N]) } };
  },
  reference(params, operands) {
    const { y } = gemmA8w8Bpreshuffle.plan(params, operands);
    const { out, rounding } = gemmOutput(OP, params);
    const values = multiply(gemmA8w8BpreshuffleProduct(operands), ROW_SCALE_COMBINE[params.math ?? 'exact']);
    return { y: tensor(y.name, y.type, y.layout, roundedBytes(values, out, rounding)) };
  },
  bound(params, operands) {
    gemmA8w8Bpreshuffle.plan(params, operands);
    return { y: blockScaledBound(gemmA8w8BpreshuffleProduct(operands), params.rounding ?? 'nearest-even') };
  },
};

function refuseBias(operands: Readonly<Record<string, Tensor | undefined>>): void {
  const bias = operands['bias'];
  if (bias === undefined) return;
  throw new OperandError(
    OP,
    bias.name,
    'AITER asserts that the bias of this multiplication is None. Add it to y afterwards, as SGLang does: that sum is rounded a second time.',
  );
}

function checkTokenScale(scale: Tensor, M: number, K: number): void {
  const groups = Math.ceil(K / BLOCK);
  const { shape } = scale.layout;
  if (shape.length === 2 && shape[0] === M && groups > 1 && shape[1] === groups) {
    throw new OperandError(
      OP,
      scale.name,
      `has shape [${shape.join(', ')}], expected [${M}, 1] (one scale a row of x). Scales for every ${BLOCK} columns belong to ` +
        'gemm_a8w8_blockscale_bpreshuffle; for this op quantise with per_token_quant.',
    );
  }
  requireShape(OP, scale, [M, 1], 'M, 1: one scale a row of x');
  requireLayout(OP, scale, rowMajor([M, 1]));
}

function checkFeatureScale(scale: Tensor, N: number): void {
  const { shape } = scale.layout;
  const fits = shape.length === 2 && shape.includes(N) && shape.includes(1) && scale.layout.size === N;
  if (!fits) {
    throw new OperandError(
      OP,
      scale.name,
      `has shape [${shape.join(', ')}], expected [${N}, 1] or [1, ${N}] (one scale a row of w). Kernels read ${N} numbers ` +
        'from its address whatever its shape: repeat a scale of the whole weight for every row.',
    );
  }
  requireLayout(OP, scale, rowMajor(shape));
}

/** The product of checked operands, as one block over all columns. */
export function gemmA8w8BpreshuffleProduct(operands: Operands<Input>): BlockScaledProduct {
  const { x, w, x_scale, w_scale } = operands;
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0, weightColumns = 0] = w.layout.shape;
  return {
    M,
    N,
    K,
    blockN: 1,
    blockK: Math.max(1, K),
    x: decodedMatrix(x),
    w: leadingColumns(decodedMatrix(w), weightColumns, K),
    xScale: asF32(x_scale),
    wScale: asF32(w_scale),
  };
}
