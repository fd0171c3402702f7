import { ceilToUe8m0, packUe8m0 } from '../../src/formats/mx-scale.ts';
import { scaleTmaAligned, shuffleWeight } from '../../src/layout/catalog.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { randomCodes, randomScales, stored } from './gemm-moe-support.ts';

export interface RowScaledOperands {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly x_scale: Tensor;
  readonly w_scale: Tensor;
}

/** Row-major operands with one scale a row of x and of w. */
export function rowScaledOperands(
  M: number,
  N: number,
  K: number,
  type: 'e4m3fn' | 'e4m3fnuz' = 'e4m3fn',
): RowScaledOperands {
  return {
    x: tensorFrom('x', type, [M, K], randomCodes(type, M * K, M + 1)),
    w: tensorFrom('w', type, [N, K], randomCodes(type, N * K, N + 2)),
    x_scale: tensorFrom('x_scale', 'f32', [M, 1], randomScales(M, K + 3), 'f32'),
    w_scale: tensorFrom('w_scale', 'f32', [N, 1], randomScales(N, K + 4), 'f32'),
  };
}

/** The same with the weight shuffled. */
export function shuffledRowScaled(plain: RowScaledOperands): RowScaledOperands {
  return { ...plain, w: stored(plain.w, shuffleWeight(plain.w.layout.shape, { bits: 8 })) };
}

/** Row-major block scales of x [M, K] and w [N, K]: [M, G] and [ceil(N / 128), G]. */
export function blockOperands(M: number, N: number, K: number): RowScaledOperands {
  const groups = Math.ceil(K / 128);
  const blocks = Math.ceil(N / 128);
  return {
    x: tensorFrom('x', 'e4m3fn', [M, K], randomCodes('e4m3fn', M * K, M + 5)),
    w: tensorFrom('w', 'e4m3fn', [N, K], randomCodes('e4m3fn', N * K, N + 6)),
    x_scale: tensorFrom('x_scale', 'f32', [M, groups], randomScales(M * groups, K + 7), 'f32'),
    w_scale: tensorFrom('w_scale', 'f32', [blocks, groups], randomScales(blocks * groups, K + 8), 'f32'),
  };
}

/** As DeepGEMM's SM90 kernel stores them. Padding is poison: 0xff is NaN. */
export function sm90(plain: RowScaledOperands): RowScaledOperands {
  const { x_scale } = plain;
  return { ...plain, x_scale: stored(x_scale, scaleTmaAligned(x_scale.layout.shape), 0xff) };
}

/** The same with every scale a power of two. */
export function powersOfTwo(plain: RowScaledOperands): RowScaledOperands {
  const round = (scale: Tensor): Tensor =>
    tensorFrom(scale.name, 'f32', scale.layout.shape, asF32(scale).map(ceilToUe8m0), 'ue8m0-f32');
  return { ...plain, x_scale: round(plain.x_scale), w_scale: round(plain.w_scale) };
}

/** As DeepGEMM's SM100 kernel stores them, from powers of two: w_scale repeated for every row of w, both packed. */
export function sm100(plain: RowScaledOperands): RowScaledOperands {
  const [N = 0] = plain.w.layout.shape;
  const [, groups = 0] = plain.w_scale.layout.shape;
  const w = asF32(plain.w_scale);
  const rows = Float32Array.from(
    { length: N * groups },
    (_, i) => w[Math.floor(i / groups / 128) * groups + (i % groups)] ?? 0,
  );
  return {
    ...plain,
    x_scale: packed('x_scale', asF32(plain.x_scale), groups),
    w_scale: packed('w_scale', rows, groups),
  };
}

/** Packs row-major powers of two; missing groups are 0, the padding of columns is poison. */
export function packed(name: string, scales: Float32Array, groups: number): Tensor {
  const words = Math.ceil(groups / 4);
  const rows = scales.length / groups;
  const wide = new Float32Array(rows * words * 4);
  for (let row = 0; row < rows; row += 1) wide.set(scales.subarray(row * groups, (row + 1) * groups), row * words * 4);
  const plain = tensorFrom(name, 'i32', [rows, words], packUe8m0(wide));
  return { ...stored(plain, scaleTmaAligned([rows, words]), 0xff), scaling: 'ue8m0-packed' };
}
