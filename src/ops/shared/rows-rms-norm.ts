import type { ErrorBound } from '../op.ts';
import { APPROXIMATE, emptyBound, F32_MAX, MIN_NORMAL, put, UNIT, type UncertainRows } from './rows-quant-bound.ts';

/** RMSNorm of rows, `x / sqrt(mean(x^2) + eps) * weight`, with the residual already added to x. */
export interface RmsNorm {
  readonly rows: number;
  readonly columns: number;
  /** float32 values, row-major. */
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly eps: number;
}

/** In float32, but for the mean, which is taken in float64 and rounded once: no order of summation is nearer the truth. */
export function rmsNorm({ rows, columns, x, weight, eps }: RmsNorm): Float32Array {
  const out = new Float32Array(x.length);
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns;
    const inverse = Math.fround(1 / Math.sqrt(meanSquare(x, start, columns) + Math.fround(eps)));
    for (let column = 0; column < columns; column += 1) {
      const normed = Math.fround((x[start + column] as number) * inverse);
      out[start + column] = normed * (weight[column] as number);
    }
  }
  return out;
}

/** The same, exactly, with the error that float32 arithmetic in any order of summation may make. */
export function rmsNormBound({ rows, columns, x, weight, eps }: RmsNorm): UncertainRows {
  const exact = new Float64Array(x.length);
  const shared = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns;
    const mean = meanSquare(x, start, columns);
    const inner = mean + Math.fround(eps);
    const inverse = 1 / Math.sqrt(inner);
    for (let column = 0; column < columns; column += 1) {
      exact[start + column] = (x[start + column] as number) * inverse * (weight[column] as number);
    }
    shared[row] = inverseError(mean, inner, columns);
  }
  // The residual's sum, the product with the inverse, the product with the weight.
  return { rows, columns, exact, shared, own: 3 * UNIT, flushed: Float64Array.from(weight, flushedProduct) };
}

/** What a correct float32 kernel may return for the normalised rows themselves. */
export function normOutputBound({ columns, exact, shared, own, flushed }: UncertainRows): ErrorBound {
  const bound = emptyBound(exact.length);
  for (let index = 0; index < exact.length; index += 1) {
    const value = exact[index] as number;
    const relative = (shared[Math.floor(index / columns)] as number) + own;
    put(bound, index, value, Math.abs(value) * relative + (flushed[index % columns] as number));
  }
  return bound;
}

/** Relative error of `rsqrt(mean + eps)`: a square root halves what the sum of `columns` squares has gathered. */
function inverseError(mean: number, inner: number, columns: number): number {
  // A float32 sum of squares that overflows makes the row zero: then nothing but the sign is certain. A NaN leaves nothing.
  if (!(mean * columns <= F32_MAX / 2)) return 1;
  const gathered = (columns + 2) * UNIT + APPROXIMATE + MIN_NORMAL / inner;
  return gathered / 2 + APPROXIMATE;
}

/** What is lost when `x * inverse`, or its product with the weight, is flushed to zero. */
function flushedProduct(weight: number): number {
  return MIN_NORMAL * (1 + Math.abs(weight));
}

function meanSquare(x: Float32Array, start: number, columns: number): number {
  let sum = 0;
  for (let index = start; index < start + columns; index += 1) sum += (x[index] as number) * (x[index] as number);
  return sum / columns;
}
