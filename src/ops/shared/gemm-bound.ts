import type { ErrorBound } from '../op.ts';
import { type BlockScaledProduct, COMBINE, type Combine, multiply } from './block-scale-math.ts';
import type { OutputRounding } from './round-output.ts';

/** Half a unit in the last place of float32, relative: what one rounding to nearest can add. */
const F32_UNIT = 2 ** -24;

/** Smallest normal float32. A device may replace anything smaller by zero. */
export const F32_MIN_NORMAL: number = 2 ** -126;

const F32_MAX = 2 ** 128 - 2 ** 104;

/**
 * Relative error that float32 arithmetic may add to a sum of `terms` products, in units of the sum of magnitudes:
 * Higham's gamma. `extra` counts roundings that are not additions. Holds for every order of summation,
 * with or without fma, and for matrix instructions that truncate while they add two or more products at once.
 */
export function sumError(terms: number, extra: number): number {
  const roundings = (terms + extra) * F32_UNIT;
  return roundings / (1 - roundings);
}

/**
 * What a correct float32 kernel may return for a block-scaled product: the exact value within
 * `gamma * S`, where `S = sum |x * w * scale|` and gamma counts K additions and three roundings a block for its scales.
 */
export function blockScaledBound(product: BlockScaledProduct, rounding: OutputRounding): ErrorBound {
  const groups = Math.ceil(product.K / product.blockK);
  const exact = multiply(product, COMBINE.exact);
  const magnitudes = { ...product, x: product.x.map(Math.abs), w: product.w.map(Math.abs) };
  const error = multiply(magnitudes, errorOf(sumError(product.K, 3 * groups + 8)));
  // Beyond the range of float32 and for NaN there is no neighbourhood to speak of.
  for (let i = 0; i < exact.length; i += 1) if (!Number.isFinite(exact[i] as number)) error[i] = 0;
  return { exact, error, rounding };
}

/** Turns sums of magnitudes into an absolute error. */
function errorOf(gamma: number): Combine {
  return (dots, xScale, xStart, wScale, wStart) => {
    let rounded = 0;
    let flushed = 0;
    for (let g = 0; g < dots.length; g += 1) {
      const dot = dots[g] as number;
      const a = Math.abs(xScale[xStart + g] as number);
      const b = Math.abs(wScale[wStart + g] as number);
      const term = dot * (a * b);
      rounded += term;
      // Some order of operations overflows: then infinity is a legitimate answer, and what becomes of it: 0 * (a * b) is NaN
      // where the dot product is zero, and so is the difference of two blocks that overflowed.
      if (Math.max(dot * a, dot * b, a * b, rounded) * (1 + gamma) > F32_MAX) return Number.POSITIVE_INFINITY;
      // Whichever of scale, scale product or scaled dot is flushed to zero, this block loses no more than all of itself.
      flushed += Math.min(term, F32_MIN_NORMAL * ((1 + dot) * (1 + a + b)));
    }
    return gamma * rounded + flushed;
  };
}
