import type { EncodeConvention, EncodeOptions } from './convention.ts';
import { encodeE8m0 } from './encode-e8m0.ts';
import { f32Bits } from './f32.ts';
import { type FloatFormatName, type FormatFacts, formatFacts } from './facts.ts';

/** The code AITER's integer e2m1 conversion leaves for a NaN, sign bit clear. */
const AITER_E2M1_NAN = 3;

/**
 * Rounds a number to the nearest code, ties to the even code, in one step from float64.
 * The code of -0, NaN, infinities and overflow follows `options`; for f32 the result is the 32 bits, for f64 the number.
 */
export function encode(name: FloatFormatName, x: number, options: EncodeOptions = {}): number {
  if (name === 'f64') return x;
  if (name === 'f32') return f32Bits(options.saturate === true ? clamp(x, formatFacts('f32').max) : x);
  return encodeSigned(name, x, x < 0 || Object.is(x, -0), options);
}

/** As `encode`, with the sign given apart, because a JavaScript NaN does not show its sign. */
export function encodeSigned(name: FloatFormatName, x: number, negative: boolean, options: EncodeOptions): number {
  const { convention = 'torch', saturate = false } = options;
  const facts = formatFacts(name);
  const source = saturate ? clamp(x, facts.max) : x;
  if (name === 'e8m0') return encodeE8m0(source, convention);
  const sign = negative ? 2 ** (facts.codeBits - 1) : 0;
  if (Number.isNaN(source)) return nanCode(facts, sign, convention);
  const magnitude = Math.abs(source);
  const code = magnitude === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : roundMagnitude(facts, magnitude);
  if (code > facts.maxCode) return overflowCode(facts, sign);
  return code === 0 && !facts.hasNegativeZero ? 0 : code + sign;
}

function clamp(x: number, max: number): number {
  return x > max ? max : x < -max ? -max : x;
}

function nanCode(facts: FormatFacts, sign: number, convention: EncodeConvention): number {
  if (facts.nanCode !== undefined) return facts.hasNegativeZero ? facts.nanCode + sign : facts.nanCode;
  return convention !== 'ml_dtypes' && facts.name === 'e2m1' ? AITER_E2M1_NAN + sign : 0;
}

/** IEEE formats overflow to infinity, formats with NaN to NaN, the MX formats have neither and saturate. */
function overflowCode(facts: FormatFacts, sign: number): number {
  if (facts.infinityCode !== undefined) return facts.infinityCode + sign;
  if (facts.nanCode !== undefined) return facts.hasNegativeZero ? facts.nanCode + sign : facts.nanCode;
  return facts.maxCode + sign;
}

const doubleScratch = new Float64Array(1);
const doubleWords = new Uint32Array(doubleScratch.buffer);

/** floor(log2(x)) for a positive float64, exactly; subnormals count as the smallest normal exponent. */
function exponentOf(x: number): number {
  doubleScratch[0] = x;
  const biased = ((doubleWords[1] as number) >>> 20) & 0x7ff;
  return biased === 0 ? -1022 : biased - 1023;
}

/** The code of a finite magnitude as if the format went on beyond its maximum. */
function roundMagnitude(facts: FormatFacts, magnitude: number): number {
  const { bias, mantissaBits } = facts;
  const exponent = Math.max(exponentOf(magnitude), 1 - bias);
  // Scaling by a power of two is exact here: the quotient is below 2^(mantissaBits + 1) and its unit is the code.
  const units = roundToEven(magnitude * 2 ** (mantissaBits - exponent));
  // Codes are consecutive over exponent and mantissa, so a carry out of the mantissa needs no care. A subnormal has
  // exponent 1 - bias and no implicit one, which the same expression gives.
  return (exponent + bias - 1) * 2 ** mantissaBits + units;
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
