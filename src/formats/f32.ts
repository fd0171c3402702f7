const scratch = new ArrayBuffer(8);
const asFloat = new Float32Array(scratch);
const asWord = new Uint32Array(scratch);
const asDouble = new Float64Array(scratch);

/** Bits of `x` rounded to float32, 0 .. 2^32 - 1. Every NaN gives 0x7fc00000: which one an engine would write is open. */
export function f32Bits(x: number): number {
  if (Number.isNaN(x)) return 0x7fc00000;
  asFloat[0] = x;
  return asWord[0] ?? 0;
}

/** The float32 value with these bits, a 32-bit integer of either sign. NaNs lose their sign and payload on the way. */
export function f32FromBits(bits: number): number {
  asWord[0] = bits;
  return asFloat[0] ?? 0;
}

/**
 * `a * b + c` of float32 values with one rounding, as a hardware fma gives it.
 *
 * The product is exact in float64. The sum is rounded to odd (Boldo and Melquiond 2008), after which the rounding to
 * float32 is the only one that counts. `Math.fround(a * b + c)` is wrong whenever the float64 sum rounds onto a float32
 * tie.
 *
 * @param a float32 value, as are b and c; a float64 operand makes the product inexact
 * @returns a float32 value; NaN and infinities as IEEE 754 has them
 */
export function fmaf32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  const back = sum - product;
  const error = product - (sum - back) + (c - back);
  return Math.fround(error === 0 ? sum : toOdd(sum, error));
}

/** Moves `sum` one float64 ulp toward `error` when its last bit is even, so that no tie can arise in the next rounding. */
function toOdd(sum: number, error: number): number {
  asDouble[0] = sum;
  const low = asWord[0] ?? 0;
  if ((low & 1) === 1) return sum;
  const away = error > 0 === sum > 0;
  if (away) {
    asWord[0] = low + 1; // low is even: no carry
  } else {
    asWord[0] = low - 1;
    if (low === 0) asWord[1] = (asWord[1] ?? 0) - 1;
  }
  return asDouble[0] ?? sum;
}

/** The next larger float32 of a float32 value; zero of either sign gives 2^-149, NaN and +infinity give themselves. */
export function nextUpF32(x: number): number {
  if (Number.isNaN(x) || x === Number.POSITIVE_INFINITY) return x;
  if (x === 0) return f32FromBits(1);
  const bits = f32Bits(x);
  return f32FromBits(x > 0 ? bits + 1 : bits - 1);
}

/** The next smaller float32 of a float32 value; the mirror image of `nextUpF32`. */
export function nextDownF32(x: number): number {
  return -nextUpF32(-x);
}

/** Distance between `|x|`, rounded to float32, and the next larger float32. NaN for what is not finite. */
export function ulpF32(x: number): number {
  const magnitude = Math.abs(Math.fround(x));
  if (!Number.isFinite(magnitude)) return Number.NaN;
  const next = nextUpF32(magnitude);
  return Number.isFinite(next) ? next - magnitude : magnitude - nextDownF32(magnitude);
}
