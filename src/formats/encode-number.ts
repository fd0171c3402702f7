import type { EncodeOptions } from './convention.ts';
import { encodeE8m0 } from './encode-e8m0.ts';
import { f32Bits, f32FromBits } from './f32.ts';
import { type FloatFormatName, type FormatFacts, formatFacts } from './facts.ts';
import { nanCodeOf, QUIET_NAN_F32 } from './nan-code.ts';

/**
 * Rounds a number to the nearest code, ties to the even code, in one step from float64. torch and ml_dtypes round a
 * float64 to float32 first; `encode(name, Math.fround(x))` gives their result.
 *
 * The code of -0, NaN, infinities and overflow follows `options`. For f32 the result is the 32 bits as an unsigned
 * integer, for f64 the number itself. e8m0 is defined on float32: `x` is rounded to it first.
 *
 * @throws ParameterError for an unknown format
 */
export function encode(name: FloatFormatName, x: number, options: EncodeOptions = {}): number {
  const facts = formatFacts(name);
  const source = options.saturate === true ? clamp(x, facts.max) : x;
  if (name === 'f64') return source;
  if (name === 'f32') return f32Bits(source);
  if (Number.isNaN(source)) return nanCodeOf(facts, QUIET_NAN_F32, options.convention ?? 'torch', false);
  return name === 'e8m0' ? encodeE8m0(source, options.convention ?? 'torch') : encodeSigned(facts, source);
}

/** As `encode`, of the float32 with these bits. Unlike a JavaScript number they show the sign and payload of a NaN. */
export function encodeF32Bits(name: FloatFormatName, bits: number, options: EncodeOptions): number {
  const x = f32FromBits(bits);
  if (!Number.isNaN(x)) return encode(name, x, options);
  return nanCodeOf(formatFacts(name), bits, options.convention ?? 'torch', true);
}

function clamp(x: number, max: number): number {
  return Math.max(-max, Math.min(max, x));
}

function encodeSigned(facts: FormatFacts, x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 2 ** (facts.codeBits - 1) : 0;
  const magnitude = Math.abs(x);
  const code = magnitude === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : roundMagnitude(facts, magnitude);
  if (code > facts.maxCode) return overflowCode(facts, sign);
  return code === 0 && !facts.hasNegativeZero ? 0 : code + sign;
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
