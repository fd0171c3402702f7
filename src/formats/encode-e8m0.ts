import type { EncodeConvention } from './convention.ts';
import { f32Bits } from './f32.ts';

/** The e8m0 code of NaN, and the only one that is not a number. */
export const E8M0_NAN = 255;

/**
 * Rounds to the nearest power of two. The rule is defined on the bits of a float32, so `x` is rounded to float32 first.
 *
 * torch (`c10/util/Float8_e8m0fnu`) takes the exponent field and rounds it by the mantissa, a tie up except from
 * exponent 0; the sign is ignored and zero becomes 2^-127. ml_dtypes gives NaN for zero and for negative numbers.
 */
export function encodeE8m0(x: number, convention: EncodeConvention): number {
  if (convention === 'ml_dtypes' && !(x > 0)) return E8M0_NAN;
  const bits = f32Bits(x);
  const exponent = (bits >>> 23) & 255;
  if (exponent === 255) return E8M0_NAN;
  const mantissa = bits & 0x7fffff;
  const half = 0x400000;
  const up = mantissa > half || (mantissa === half && exponent > 0);
  return up ? exponent + 1 : exponent;
}
