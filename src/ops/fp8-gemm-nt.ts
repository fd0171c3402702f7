import { OperandError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireShape } from '../tensor/expect.ts';
import { tensor } from '../tensor/make.ts';
import type { OpDefinition, Operands } from './op.ts';
import { requireOneOf } from './shared/block-scale-gemm.ts';
import { type BlockScaledProduct, type BlockScaleMath, COMBINE, multiply } from './shared/block-scale-math.ts';
import {
  checkDeepGemmScales,
  DEEPGEMM_BLOCK,
  deepGemmScalesOf,
  deepGemmScaleValues,
} from './shared/deepgemm-scales.ts';
import { decodedMatrix, requireFp8Matrices } from './shared/fp8-matrices.ts';
import { blockScaledBound } from './shared/gemm-bound.ts';
import { roundedBytes } from './shared/round-output.ts';

const OP = 'fp8_gemm_nt';

export interface Fp8GemmNtParams {
  /** Default `bf16`. */
  readonly out?: 'bf16' | 'f32';
  /**
   * Order of the float32 operations in the reference. Default `exact`: float64, rounded once. DeepGEMM's SM90 kernel adds
   * `accum * (scale_a * scale_b)`, which is `ck` where the compiler contracts it; with power-of-two scales all agree but
   * for the additions.
   */
  readonly math?: BlockScaleMath;
}

type Input = 'x' | 'w' | 'x_scale' | 'w_scale';

/**
 * `y = x * transposed(w)` of DeepGEMM: `y[m, n] = sum_g x_scale[m, g] * w_scale[n, g] * sum_{k in g} x[m, k] * w[n, k]` over
 * blocks of 128 columns. x [M, K] and w [N, K] are e4m3fn, row-major. Scales are of one of two kinds, both operands alike:
 *
 * - f32 (SM90): x_scale [M, G] column by column, each padded to 16 bytes (`scaleTmaAligned`); w_scale
 *   [ceil(N / 128), G] row-major;
 * - i32 with four exponent bytes each, lowest first (SM100): x_scale [M, ceil(G / 4)] and w_scale [N, ceil(G / 4)], a row for
 *   each row of w, both `scaleTmaAligned`. A byte b is the float32 with exponent field b: 2^(b - 127), and 0 for 0.
 *
 * N must be a multiple of 64 and K of 128. Nothing below the kernel checks which kind it reads: here that is an error.
 *
 * The bound is that of float32 sums. Hopper's fp8 matrix instructions keep fewer bits of a block's partial sums; results
 * of that hardware may lie outside.
 */
export const fp8GemmNt: OpDefinition<Fp8GemmNtParams, Input, 'y'> = {
  name: OP,
  summary: 'fp8 block-scaled matrix multiplication of DeepGEMM, with float or packed power-of-two scales',
  source: 'DeepGEMM deep_gemm.fp8_gemm_nt (SGLang w8a8_block_fp8_matmul_deepgemm)',
  inputs: ['x', 'w', 'x_scale', 'w_scale'],
  outputs: ['y'],
  plan(params, operands) {
    requireOneOf(OP, 'out', params.out ?? 'bf16', ['bf16', 'f32']);
    requireOneOf(OP, 'math', params.math ?? 'exact', Object.keys(COMBINE));
    const { x, w, M, N, K } = requireFp8Matrices(OP, operands, 'e4m3fn');
    requireShape(OP, w, [undefined, K], `N, K = ${K} of x`);
    if (N % 64 !== 0 || K % DEEPGEMM_BLOCK !== 0) {
      throw new OperandError(
        OP,
        w.name,
        `has shape [${N}, ${K}], but DeepGEMM needs N in multiples of 64 and K in multiples of 128. SGLang falls back to its ` +
          "Triton kernel here: call gemm_a8w8_blockscale with math 'triton' and float scales (packed ones unpacked first).",
      );
    }
    checkDeepGemmScales(OP, operands, [M, N, K]);
    requireLayout(OP, x, rowMajor([M, K]));
    requireLayout(
      OP,
      w,
      rowMajor([N, K]),
      `Permute it to rowMajor([${N}, ${K}]): DeepGEMM reads plain weights, shuffled ones belong to gemm_a8w8_blockscale_bpreshuffle.`,
    );
    return { y: { name: 'y', type: params.out ?? 'bf16', layout: rowMajor([M, N]) } };
  },
  reference(params, operands) {
    const { y } = fp8GemmNt.plan(params, operands);
    const { out = 'bf16', math = 'exact' } = params;
    const values = multiply(fp8GemmNtProduct(operands), COMBINE[math]);
    return { y: tensor(y.name, y.type, y.layout, roundedBytes(values, out, 'nearest-even')) };
  },
  bound(params, operands) {
    fp8GemmNt.plan(params, operands);
    return { y: blockScaledBound(fp8GemmNtProduct(operands), 'nearest-even') };
  },
};

/** The product that checked operands stand for. */
export function fp8GemmNtProduct(operands: Operands<Input>): BlockScaledProduct {
  const { x, w, x_scale, w_scale } = operands;
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0] = w.layout.shape;
  const groups = Math.ceil(K / DEEPGEMM_BLOCK);
  return {
    M,
    N,
    K,
    blockN: deepGemmScalesOf(w_scale) === 'packed' ? 1 : DEEPGEMM_BLOCK,
    blockK: DEEPGEMM_BLOCK,
    x: decodedMatrix(x),
    w: decodedMatrix(w),
    xScale: deepGemmScaleValues(x_scale, groups),
    wScale: deepGemmScaleValues(w_scale, groups),
  };
}
