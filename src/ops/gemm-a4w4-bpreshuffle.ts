import { OperandError } from '../errors.ts';
import { decodeArray } from '../formats/decode.ts';
import { unpackNibbles } from '../formats/pack.ts';
import { shuffleScale, shuffleWeight } from '../layout/catalog.ts';
import { rowMajor } from '../layout/plain.ts';
import {
  requireLayout,
  requireOperand,
  requireRank,
  requireScaling,
  requireShape,
  requireType,
} from '../tensor/expect.ts';
import { tensor } from '../tensor/make.ts';
import { toRowMajor } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OpDefinition, Operands } from './op.ts';
import { gemmOutput } from './shared/block-scale-gemm.ts';
import { type BlockScaledProduct, COMBINE, multiply } from './shared/block-scale-math.ts';
import { blockScaledBound } from './shared/gemm-bound.ts';
import { type OutputFormat, type OutputRounding, roundedBytes } from './shared/round-output.ts';

const OP = 'gemm_a4w4_bpreshuffle';

/** Elements that share one e8m0 scale (OCP MX). */
const BLOCK = 32;

export interface GemmA4w4Params {
  /** Default `bf16`. */
  readonly out?: OutputFormat;
  /** Default `nearest-even`. */
  readonly rounding?: OutputRounding;
}

type Input = 'x' | 'w' | 'x_scale' | 'w_scale';

/**
 * `y[m, n] = sum_g 2^(x_scale[m, g] + w_scale[n, g] - 254) * sum_{k in g} x[m, k] * w[n, k]` over blocks of 32.
 *
 * x is e2m1 [M, K], row-major; w is e2m1 [N, K], its packed bytes stored by `shuffle_weight(w, (16, 16))`; both scales
 * are e8m0, [M, K/32] and [N, K/32], stored by `shuffle_scale` (padded to 256 rows and 8 columns). N must be a multiple
 * of 16 and K of 64. A scale byte of 255 is NaN, 0 is 2^-127. The padding of the scales is never read.
 */
export const gemmA4w4Bpreshuffle: OpDefinition<GemmA4w4Params, Input, 'y'> = {
  name: OP,
  summary: 'MXFP4 matrix multiplication on shuffled weights and shuffled scales',
  source: 'AITER aiter/ops/gemm_op_a4w4.py gemm_a4w4_asm (f4gemm_bf16_per1x32Fp4_BpreShuffle)',
  inputs: ['x', 'w', 'x_scale', 'w_scale'],
  outputs: ['y'],
  plan(params, operands) {
    const { out } = gemmOutput(OP, params);
    const x = requireOperand(OP, operands, 'x');
    const w = requireOperand(OP, operands, 'w');
    const xScale = requireOperand(OP, operands, 'x_scale');
    const wScale = requireOperand(OP, operands, 'w_scale');
    requireType(OP, x, 'e2m1');
    requireType(OP, w, 'e2m1');
    requireRank(OP, x, 2, 2, 'M, K');
    requireRank(OP, w, 2, 2, 'N, K');
    const [M = 0, K = 0] = x.layout.shape;
    const [N = 0] = w.layout.shape;
    requireShape(OP, w, [undefined, K], `N, K = ${K} of x`);
    if (N % 16 !== 0 || K % 64 !== 0) {
      throw new OperandError(
        OP,
        w.name,
        `has shape [${N}, ${K}], but shuffled fp4 weights come in tiles of 16 rows by 64 columns (32 bytes). ` +
          'Pad N to a multiple of 16 and K to a multiple of 64 with zeros.',
      );
    }
    requireLayout(OP, x, rowMajor([M, K]));
    requireLayout(OP, w, shuffleWeight([N, K], { bits: 4 }), `Permute it to shuffleWeight([${N}, ${K}], { bits: 4 }).`);
    checkScale(xScale, M, K / BLOCK, 'M, K / 32');
    checkScale(wScale, N, K / BLOCK, 'N, K / 32');
    return { y: { name: 'y', type: out, layout: rowMajor([M, N]) } };
  },
  reference(params, operands) {
    const { y } = gemmA4w4Bpreshuffle.plan(params, operands);
    const { out, rounding } = gemmOutput(OP, params);
    // AMD's gfx950 kernels agree bit for bit with the exact sum rounded once.
    const values = multiply(gemmA4w4Product(operands), COMBINE.exact);
    return { y: tensor(y.name, y.type, y.layout, roundedBytes(values, out, rounding)) };
  },
  bound(params, operands) {
    gemmA4w4Bpreshuffle.plan(params, operands);
    return { y: blockScaledBound(gemmA4w4Product(operands), params.rounding ?? 'nearest-even') };
  },
};

function checkScale(scale: Tensor, rows: number, columns: number, meaning: string): void {
  requireType(OP, scale, 'e8m0');
  requireScaling(OP, scale, 'e8m0');
  requireShape(OP, scale, [rows, columns], meaning);
  requireLayout(OP, scale, shuffleScale([rows, columns]), `Permute it to shuffleScale([${rows}, ${columns}]).`);
}

/** The product that checked operands stand for. */
export function gemmA4w4Product(operands: Operands<Input>): BlockScaledProduct {
  const { x, w, x_scale, w_scale } = operands;
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0] = w.layout.shape;
  const values = (source: Tensor): Float32Array =>
    decodeArray('e2m1', unpackNibbles(toRowMajor(source).bytes, source.layout.size));
  return {
    M,
    N,
    K,
    blockN: 1,
    blockK: BLOCK,
    x: values(x),
    w: values(w),
    xScale: decodeArray('e8m0', toRowMajor(x_scale).bytes),
    wScale: decodeArray('e8m0', toRowMajor(w_scale).bytes),
  };
}
