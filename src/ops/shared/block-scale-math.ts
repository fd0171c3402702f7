import { fmaf32 } from '../../formats/f32.ts';

/**
 * The order in which a kernel scales the 128-term dot product P of a block and adds it to its accumulator C. `fl` is one
 * rounding to float32, a and b the scales of the two operands.
 * - `exact`: float64, rounded once at the end.
 * - `ck`, `asm`, `triton-preshuffle`: `C = fma(P, fl(a*b), C)`.
 * - `triton`: `C = fma(fl(P*a), b, C)`, what the compiler makes of `acc += P * a * b`.
 * - `triton-unfused`: `C = fl(C + fl(fl(P*a)*b))`, the same without contraction.
 * - `triton-preshuffle-unfused`: `C = fl(C + fl(P*fl(a*b)))`.
 *
 * P is the exact dot product rounded to float32 in all of the float32 orders: what happens inside a matrix instruction
 * is not documented to the bit.
 */
export type BlockScaleMath =
  | 'exact'
  | 'ck'
  | 'asm'
  | 'triton'
  | 'triton-unfused'
  | 'triton-preshuffle'
  | 'triton-preshuffle-unfused';

/** One output element from the dot products of its blocks, the scales of its row of x and of its row block of w. */
export type Combine = (
  dots: Float64Array,
  xScale: Float32Array,
  xStart: number,
  wScale: Float32Array,
  wStart: number,
) => number;

const fl = Math.fround;

/** Folds one step over the blocks, in ascending order, from zero. */
function chain(step: (accumulator: number, dot: number, a: number, b: number) => number): Combine {
  return (dots, xScale, xStart, wScale, wStart) => {
    let sum = 0;
    for (let g = 0; g < dots.length; g += 1) {
      sum = step(sum, dots[g] as number, xScale[xStart + g] as number, wScale[wStart + g] as number);
    }
    return sum;
  };
}

const fusedProduct: Combine = chain((sum, dot, a, b) => fmaf32(fl(dot), fl(a * b), sum));

export const COMBINE: Readonly<Record<BlockScaleMath, Combine>> = {
  // a * b is exact in float64, and so is the dot product.
  exact: chain((sum, dot, a, b) => sum + dot * (a * b)),
  ck: fusedProduct,
  asm: fusedProduct,
  triton: chain((sum, dot, a, b) => fmaf32(fl(fl(dot) * a), b, sum)),
  'triton-unfused': chain((sum, dot, a, b) => fl(sum + fl(fl(fl(dot) * a) * b))),
  'triton-preshuffle': fusedProduct,
  'triton-preshuffle-unfused': chain((sum, dot, a, b) => fl(sum + fl(fl(dot) * fl(a * b)))),
};

/** A block-scaled product `y[m, n] = sum_g xScale[m, g] * wScale[n / blockN, g] * sum_{k in g} x[m, k] * w[n, k]`. */
export interface BlockScaledProduct {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Rows of w that share a scale. */
  readonly blockN: number;
  /** Columns that share a scale; the last block of a row may be shorter. */
  readonly blockK: number;
  /** [M, K], decoded. */
  readonly x: Float32Array;
  /** [N, K], decoded. */
  readonly w: Float32Array;
  /** [M, ceil(K / blockK)] */
  readonly xScale: Float32Array;
  /** [ceil(N / blockN), ceil(K / blockK)] */
  readonly wScale: Float32Array;
}

/** Columns of y computed together: one read of x serves them all. */
const COLUMNS = 4;

/** Computes all elements of a block-scaled product, row-major, with the given order of scaling and adding. */
export function multiply(product: BlockScaledProduct, combine: Combine): Float64Array {
  const { M, N, K, blockN, blockK, xScale, wScale } = product;
  const groups = Math.ceil(K / blockK);
  const dots = Array.from({ length: COLUMNS }, () => new Float64Array(groups));
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m += 1) {
    for (let n0 = 0; n0 < N; n0 += COLUMNS) {
      blockDots(product, m, n0, dots);
      for (let n = n0; n < Math.min(N, n0 + COLUMNS); n += 1) {
        const column = dots[n - n0] as Float64Array;
        y[m * N + n] = combine(column, xScale, m * groups, wScale, Math.floor(n / blockN) * groups);
      }
    }
  }
  return y;
}

/**
 * The dot products of each block of row m of x with `COLUMNS` rows of w; past the end of w, the last row again. Products
 * of two fp8 values span 36 bits (fp4: 9), so float64 adds up to 2^17 of them without rounding, in any order.
 */
function blockDots(
  { N, K, blockK, x, w }: BlockScaledProduct,
  m: number,
  n0: number,
  dots: readonly Float64Array[],
): void {
  const [dots0, dots1, dots2, dots3] = dots as [Float64Array, Float64Array, Float64Array, Float64Array];
  const row0 = n0 * K;
  const row1 = Math.min(n0 + 1, N - 1) * K;
  const row2 = Math.min(n0 + 2, N - 1) * K;
  const row3 = Math.min(n0 + 3, N - 1) * K;
  const row = m * K;
  for (let g = 0; g < dots0.length; g += 1) {
    const end = Math.min(K, (g + 1) * blockK);
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let k = g * blockK; k < end; k += 1) {
      const value = x[row + k] as number;
      s0 += value * (w[row0 + k] as number);
      s1 += value * (w[row1 + k] as number);
      s2 += value * (w[row2 + k] as number);
      s3 += value * (w[row3 + k] as number);
    }
    dots0[g] = s0;
    dots1[g] = s1;
    dots2[g] = s2;
    dots3[g] = s3;
  }
}
