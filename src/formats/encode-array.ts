import { ParameterError } from '../errors.ts';
import { decodeTable } from './decode.ts';
import type { EncodeOptions } from './convention.ts';
import { encode, encodeSigned } from './encode-number.ts';
import { f32FromBits } from './f32.ts';
import { type FloatFormatName, formatFacts } from './facts.ts';

/** The array type that holds codes of a format: one code an element. */
export type CodeArray<F extends FloatFormatName> = F extends 'f64'
  ? Float64Array
  : F extends 'f32'
    ? Uint32Array
    : F extends 'f16' | 'bf16'
      ? Uint16Array
      : Uint8Array;

export interface EncodeArrayOptions extends EncodeOptions {
  /** Says that a Uint16Array source holds bf16 or f16 bit patterns. */
  readonly from?: 'bf16' | 'f16';
}

/**
 * Encodes a whole array, one code an element; bit-identical to `encode` on every element, and keeps the sign of NaNs
 * of float32 sources. f32 to 8-bit formats runs through a table of 131,072 entries and is limited by memory.
 */
export function encodeArray<F extends FloatFormatName>(
  name: F,
  x: Float32Array | Float64Array | Uint16Array,
  options: EncodeArrayOptions = {},
  out: CodeArray<F> = newCodes(name, x.length),
): CodeArray<F> {
  if (out.length !== x.length) {
    throw new ParameterError('encodeArray', 'out', `has ${out.length} elements, expected ${x.length}, one for each source element.`);
  }
  const codes = out as Uint8Array | Uint16Array | Uint32Array | Float64Array;
  if (x instanceof Uint16Array) encodeHalves(name, x, options, codes);
  else if (x instanceof Float32Array && formatFacts(name).codeBits <= 8) {
    encodeByTable(narrowTable(name, options), words(x), codes as Uint8Array);
  } else if (x instanceof Float32Array && name === 'bf16' && options.saturate !== true) {
    encodeBf16(words(x), codes as Uint16Array);
  } else {
    for (let index = 0; index < x.length; index += 1) codes[index] = encode(name, x[index] as number, options);
  }
  return out;
}

function newCodes<F extends FloatFormatName>(name: F, length: number): CodeArray<F> {
  const bits = formatFacts(name).codeBits;
  const array =
    bits <= 8
      ? new Uint8Array(length)
      : bits === 16
        ? new Uint16Array(length)
        : bits === 32
          ? new Uint32Array(length)
          : new Float64Array(length);
  return array as CodeArray<F>;
}

function words(x: Float32Array): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.length);
}

const narrowTables = new Map<string, Uint8Array>();

/**
 * Codes by the upper 16 bits of a float32 and whether any lower bit is set. That is all the rounding to an 8-bit format
 * depends on: every tie of a format with at most 6 mantissa bits is a number whose lower 16 bits are zero.
 */
function narrowTable(name: FloatFormatName, options: EncodeOptions): Uint8Array {
  const key = `${name} ${options.saturate === true} ${options.convention ?? 'torch'}`;
  let table = narrowTables.get(key);
  if (table === undefined) {
    table = new Uint8Array(1 << 17);
    for (let index = 0; index < table.length; index += 1) {
      const upper = index >>> 1;
      const bits = ((upper << 16) | (index & 1)) >>> 0;
      table[index] = encodeSigned(name, f32FromBits(bits), upper >= 0x8000, options);
    }
    narrowTables.set(key, table);
  }
  return table;
}

function encodeByTable(table: Uint8Array, x: Uint32Array, out: Uint8Array): void {
  const count = x.length;
  for (let index = 0; index < count; index += 1) {
    const bits = x[index] as number;
    out[index] = table[((bits >>> 16) << 1) | (((bits & 0xffff) + 0xffff) >>> 16)] as number;
  }
}

function encodeBf16(x: Uint32Array, out: Uint16Array): void {
  for (let index = 0; index < x.length; index += 1) {
    const bits = x[index] as number;
    const isNaN = (bits & 0x7fffffff) > 0x7f800000;
    out[index] = isNaN ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
}

function encodeHalves(
  name: FloatFormatName,
  x: Uint16Array,
  options: EncodeArrayOptions,
  out: Uint8Array | Uint16Array | Uint32Array | Float64Array,
): void {
  const { from } = options;
  if (from === undefined) {
    throw new ParameterError('encodeArray', 'from', 'is missing, expected "bf16" or "f16": a Uint16Array holds bit patterns of one of them.');
  }
  const values = decodeTable(from);
  for (let index = 0; index < x.length; index += 1) {
    const bits = x[index] as number;
    const value = values[bits] as number;
    out[index] = name === 'f32' || name === 'f64' ? encode(name, value, options) : encodeSigned(name, value, bits >= 0x8000, options);
  }
}
