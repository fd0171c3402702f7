import { ParameterError } from '../errors.ts';

/**
 * `1 - 2 sum(x y) / sum(x^2 + y^2)` in float64: 0 for equal values, about 1 for unrelated ones, 2 for opposite signs. AITER's op
 * tests warn above 1e-3 and fail above 0.01; quantisation alone stays near 0.01, layout mistakes cost 0.1 to 1.3.
 *
 * @param x, y values in the same logical order
 * @returns 0 when both are all zeros, NaN when either holds a NaN
 * @throws ParameterError when the lengths differ
 */
export function logitsDiff(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length)
    throw new ParameterError('logitsDiff', 'y', `has ${y.length} values, expected ${x.length}, as many as x.`);
  let product = 0;
  let squares = 0;
  for (let i = 0; i < x.length; i += 1) {
    const a = x[i] as number;
    const b = y[i] as number;
    product += a * b;
    squares += a * a + b * b;
  }
  return logitsDiffOfSums(product, squares);
}

/** The same from `sum(x y)` and `sum(x^2 + y^2)`, for values that are not held in memory at once. */
export function logitsDiffOfSums(product: number, squares: number): number {
  return squares === 0 ? 0 : 1 - (2 * product) / squares;
}
