import type { EncodeOptions } from './convention.ts';
import { encodeF32Bits } from './encode-number.ts';
import { f32Bits } from './f32.ts';
import { type FloatFormatName, type FormatFacts, formatFacts } from './facts.ts';
import { nanCodeOf } from './nan-code.ts';

// The bulk encoders. They read float32 bit patterns, use integers only, and agree with `encode` on every pattern.

const MAGNITUDE = 0x7fffffff;
const INFINITY = 0x7f800000;

/**
 * Encodes float32 patterns, one code an element.
 * @param fromF32 false when the patterns stand in for values of another type (see `nanCodeOf`)
 */
export function encodeWords(
  name: Exclude<FloatFormatName, 'f64'>,
  words: Uint32Array,
  options: EncodeOptions,
  fromF32: boolean,
  out: Uint8Array | Uint16Array | Uint32Array,
): void {
  const facts = formatFacts(name);
  const limit = options.saturate === true ? f32Bits(facts.max) : MAGNITUDE;
  if (name === 'f32') copyWords(words, limit, out as Uint32Array);
  else if (name === 'bf16') encodeBf16(words, limit, nanOf(facts, options, fromF32), out as Uint16Array);
  else if (name === 'f16') encodeF16(words, limit, nanOf(facts, options, fromF32), out as Uint16Array);
  else lookUp(narrowTable(name, options), words, out as Uint8Array);
}

function nanOf(facts: FormatFacts, options: EncodeOptions, fromF32: boolean): (bits: number) => number {
  const { convention = 'torch' } = options;
  return (bits) => nanCodeOf(facts, bits, convention, fromF32);
}

const narrowTables = new Map<string, Uint8Array>();

/**
 * Codes by the upper 16 bits of a float32 and whether any lower bit is set. That is all the rounding to an 8-bit format
 * depends on: every value and every tie of a format with at most 6 mantissa bits has lower 16 bits of zero.
 */
function narrowTable(name: FloatFormatName, options: EncodeOptions): Uint8Array {
  const key = `${name} ${options.saturate === true} ${options.convention ?? 'torch'}`;
  let table = narrowTables.get(key);
  if (table === undefined) {
    table = new Uint8Array(1 << 17);
    for (let index = 0; index < table.length; index += 1) {
      table[index] = encodeF32Bits(name, (((index >>> 1) << 16) | (index & 1)) >>> 0, options);
    }
    narrowTables.set(key, table);
  }
  return table;
}

function lookUp(table: Uint8Array, words: Uint32Array, out: Uint8Array): void {
  const count = words.length;
  for (let index = 0; index < count; index += 1) {
    const bits = words[index] as number;
    out[index] = table[((bits >>> 16) << 1) | (((bits & 0xffff) + 0xffff) >>> 16)] as number;
  }
}

/** Clamps a magnitude pattern; limits above infinity leave it alone. NaN patterns must not come here. */
function clamped(magnitude: number, limit: number): number {
  return Math.min(magnitude, limit);
}

function copyWords(words: Uint32Array, limit: number, out: Uint32Array): void {
  for (let index = 0; index < words.length; index += 1) {
    const bits = words[index] as number;
    const magnitude = bits & MAGNITUDE;
    out[index] = magnitude > INFINITY ? bits : clamped(magnitude, limit) | (bits & ~MAGNITUDE);
  }
}

function encodeBf16(words: Uint32Array, limit: number, nan: (bits: number) => number, out: Uint16Array): void {
  for (let index = 0; index < words.length; index += 1) {
    const bits = words[index] as number;
    const magnitude = bits & MAGNITUDE;
    if (magnitude > INFINITY) {
      out[index] = nan(bits);
    } else {
      const finite = clamped(magnitude, limit);
      out[index] = ((bits >>> 16) & 0x8000) | ((finite + 0x7fff + ((finite >>> 16) & 1)) >>> 16);
    }
  }
}

/** Patterns of 2^-14 and 2^16: below the first f16 is subnormal, from the second on it is infinity. */
const F16_NORMAL = 0x38800000;
const F16_OVERFLOW = 0x47800000;

function encodeF16(words: Uint32Array, limit: number, nan: (bits: number) => number, out: Uint16Array): void {
  for (let index = 0; index < words.length; index += 1) {
    const bits = words[index] as number;
    const magnitude = bits & MAGNITUDE;
    out[index] = magnitude > INFINITY ? nan(bits) : ((bits >>> 16) & 0x8000) | f16Magnitude(clamped(magnitude, limit));
  }
}

function f16Magnitude(magnitude: number): number {
  if (magnitude >= F16_OVERFLOW) return 0x7c00;
  if (magnitude >= F16_NORMAL) {
    // Exponents differ by 112. A carry out of the mantissa reaches the exponent, at the top infinity.
    return (magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
  }
  const shift = 126 - (magnitude >>> 23);
  // Not even half of the smallest subnormal.
  if (shift > 24) return 0;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  return (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
}
