import { ParameterError } from '../errors.ts';
import { f32FromBits } from './f32.ts';
import { type FloatFormatName, formatFacts } from './facts.ts';

/** Formats of at most 16 bits, which have a decode table. */
export type NarrowFormatName = Exclude<FloatFormatName, 'f32' | 'f64'>;

const tables = new Map<NarrowFormatName, Float32Array>();

/**
 * Value of every code, in float32 (exact for every narrow format): 16, 64, 256 or 65,536 elements. Shared between
 * callers: do not write into it.
 * @throws ParameterError for an unknown format
 */
export function decodeTable(name: NarrowFormatName): Float32Array {
  let table = tables.get(name);
  if (table === undefined) {
    const { codeBits } = formatFacts(name);
    if (codeBits > 16) {
      throw new ParameterError(
        'decodeTable',
        'name',
        `is "${name}", expected a format of at most 16 bits; read f32 and f64 through a typed array.`,
      );
    }
    table = Float32Array.from({ length: 2 ** codeBits }, (_, code) => decodeOne(name, code));
    tables.set(name, table);
  }
  return table;
}

/**
 * The value of a code. f32 takes its 32 bits; f64 has no code here and passes through.
 * @throws ParameterError for an unknown format, or when the code is not an integer of the format's width
 */
export function decode(name: FloatFormatName, code: number): number {
  if (name === 'f64') return code;
  const limit = 2 ** formatFacts(name).codeBits;
  if (!Number.isInteger(code) || code < 0 || code >= limit) {
    throw new ParameterError('decode', 'code', `is ${code}, expected an integer 0..${limit - 1} for ${name}.`);
  }
  return name === 'f32' ? f32FromBits(code) : (decodeTable(name)[code] ?? Number.NaN);
}

/**
 * Decodes one code an element. Unpack e2m1 with `unpackNibbles` first.
 * @param codes a Uint16Array for f16 and bf16, a Uint8Array for the others
 * @param out receives the values; one element for each code
 * @throws ParameterError for an unknown format, codes of another width, or an `out` of another length
 */
export function decodeArray(
  name: NarrowFormatName,
  codes: Uint8Array | Uint16Array,
  out: Float32Array = new Float32Array(codes.length),
): Float32Array {
  const table = decodeTable(name);
  requireCodes('decodeArray', 'codes', name, codes);
  if (out.length !== codes.length) {
    throw new ParameterError(
      'decodeArray',
      'out',
      `has ${out.length} elements, expected ${codes.length}, one for each code.`,
    );
  }
  // One loop for each array type: a loop that has seen both is several times slower.
  if (codes instanceof Uint16Array) lookUpWide(table, codes, out);
  else lookUpNarrow(table, codes, out);
  return out;
}

/** Refuses bytes of 16-bit codes, packed nibbles, and whatever else would be read as NaN without a word. */
export function requireCodes(
  where: string,
  parameter: string,
  name: NarrowFormatName,
  codes: Uint8Array | Uint16Array,
): void {
  const { codeBits } = formatFacts(name);
  const wide = codeBits > 8;
  if (wide !== codes instanceof Uint16Array) {
    const [given, expected] = wide ? ['Uint8Array', 'Uint16Array'] : ['Uint16Array', 'Uint8Array'];
    throw new ParameterError(where, parameter, `is a ${given}, expected a ${expected}: one ${name} code an element.`);
  }
  if (codeBits >= 8) return;
  const limit = 2 ** codeBits;
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] as number;
    if (code >= limit) {
      const advice = codeBits === 4 ? 'unpackNibbles' : 'unpackSixBit';
      throw new ParameterError(
        where,
        parameter,
        `has ${code} at element ${index}, expected 0..${limit - 1} for ${name}; packed codes go through ${advice} first.`,
      );
    }
  }
}

function lookUpNarrow(table: Float32Array, codes: Uint8Array, out: Float32Array): void {
  const count = codes.length;
  for (let index = 0; index < count; index += 1) out[index] = table[codes[index] as number] as number;
}

function lookUpWide(table: Float32Array, codes: Uint16Array, out: Float32Array): void {
  const count = codes.length;
  for (let index = 0; index < count; index += 1) out[index] = table[codes[index] as number] as number;
}

function decodeOne(name: NarrowFormatName, code: number): number {
  const facts = formatFacts(name);
  if (name === 'e8m0') return code === facts.nanCode ? Number.NaN : 2 ** (code - facts.bias);
  const signBit = 2 ** (facts.codeBits - 1);
  const negative = code >= signBit;
  const magnitude = negative ? code - signBit : code;
  // fnuz has its one NaN where other formats have -0.
  if (!facts.hasNegativeZero && code === signBit) return Number.NaN;
  if (magnitude > facts.maxCode) {
    if (magnitude !== facts.infinityCode) return Number.NaN;
    return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const step = 2 ** facts.mantissaBits;
  const exponent = Math.floor(magnitude / step);
  const mantissa = magnitude % step;
  const value = exponent === 0 ? mantissa * facts.minSubnormal : (1 + mantissa / step) * 2 ** (exponent - facts.bias);
  return negative ? -value : value;
}
