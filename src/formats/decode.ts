import { ParameterError } from '../errors.ts';
import { f32FromBits } from './f32.ts';
import { type FloatFormatName, formatFacts } from './facts.ts';

/** Formats of at most 16 bits, which have a decode table. */
export type NarrowFormatName = Exclude<FloatFormatName, 'f32' | 'f64'>;

const tables = new Map<NarrowFormatName, Float32Array>();

/** Value of every code, in float32 (exact for every narrow format). Shared: do not write into it. */
export function decodeTable(name: NarrowFormatName): Float32Array {
  let table = tables.get(name);
  if (table === undefined) {
    const { codeBits } = formatFacts(name);
    table = Float32Array.from({ length: 2 ** codeBits }, (_, code) => decodeOne(name, code));
    tables.set(name, table);
  }
  return table;
}

/**
 * The value of a code. f32 takes its 32 bits; f64 has no code here and passes through.
 * @throws ParameterError when the code has more bits than the format
 */
export function decode(name: FloatFormatName, code: number): number {
  if (name === 'f64') return code;
  const limit = 2 ** formatFacts(name).codeBits;
  if (!Number.isInteger(code) || code < 0 || code >= limit) {
    throw new ParameterError('decode', 'code', `is ${code}, expected an integer 0..${limit - 1} for ${name}.`);
  }
  return name === 'f32' ? f32FromBits(code) : (decodeTable(name)[code] ?? Number.NaN);
}

/** Decodes one code an element (e2m1 too: unpack nibbles first). */
export function decodeArray(
  name: NarrowFormatName,
  codes: Uint8Array | Uint16Array,
  out: Float32Array = new Float32Array(codes.length),
): Float32Array {
  if (out.length !== codes.length) {
    throw new ParameterError('decodeArray', 'out', `has ${out.length} elements, expected ${codes.length}, one for each code.`);
  }
  const table = decodeTable(name);
  for (let index = 0; index < codes.length; index += 1) out[index] = table[codes[index] as number] as number;
  return out;
}

function decodeOne(name: NarrowFormatName, code: number): number {
  const facts = formatFacts(name);
  if (name === 'e8m0') return code === 255 ? Number.NaN : 2 ** (code - 127);
  const signBit = 2 ** (facts.codeBits - 1);
  const negative = code >= signBit;
  const magnitude = negative ? code - signBit : code;
  // fnuz has its one NaN where other formats have -0.
  if (!facts.hasNegativeZero && code === signBit) return Number.NaN;
  if (magnitude > facts.maxCode) {
    return magnitude === facts.infinityCode ? (negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number.NaN;
  }
  const step = 2 ** facts.mantissaBits;
  const exponent = Math.floor(magnitude / step);
  const mantissa = magnitude % step;
  const value =
    exponent === 0
      ? mantissa * facts.minSubnormal
      : (1 + mantissa / step) * 2 ** (exponent - facts.bias);
  return negative ? -value : value;
}
