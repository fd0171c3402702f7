import { ParameterError } from '../errors.ts';
import type { EncodeOptions } from './convention.ts';
import { decodeTable, type NarrowFormatName, requireCodes } from './decode.ts';
import { encode } from './encode-number.ts';
import { encodeWords } from './encode-words.ts';
import { type FloatFormatName, formatFacts } from './facts.ts';
import { codesToWords, nearestWords, oddWords } from './source-words.ts';

/** The array type that holds codes of a format: one code an element. */
export type CodeArray<F extends FloatFormatName> = F extends 'f64'
  ? Float64Array
  : F extends 'f32'
    ? Uint32Array
    : F extends 'f16' | 'bf16'
      ? Uint16Array
      : Uint8Array;

/** Options of `encodeArray`. */
export interface EncodeArrayOptions extends EncodeOptions {
  /** The format of a Uint8Array or Uint16Array source, one code an element, e.g. `bf16`. */
  readonly from?: NarrowFormatName;
}

/** Sources are turned into float32 patterns this many at a time, so that the patterns stay in the cache. */
const CHUNK = 8192;

/**
 * Encodes a whole array, one code an element. The result on every element is that of `encode`, and NaNs keep what sign
 * and payload the target can hold. e2m1 codes come one a byte: see `packNibbles`.
 *
 * From float32 to formats of at most 8 bits it looks up a table of 131,072 entries, made on first use.
 *
 * @param x numbers, or codes of the format `options.from`
 * @param out receives the codes; one element for each of `x`
 * @throws ParameterError for an unknown format, a source of codes without `from`, or an `out` of another length
 */
export function encodeArray<F extends FloatFormatName>(
  name: F,
  x: Float32Array | Float64Array | Uint8Array | Uint16Array,
  options: EncodeArrayOptions = {},
  out: CodeArray<F> = newCodes(name, x.length),
): CodeArray<F> {
  if (out.length !== x.length) {
    throw new ParameterError(
      'encodeArray',
      'out',
      `has ${out.length} elements, expected ${x.length}, one for each source element.`,
    );
  }
  const target: FloatFormatName = name;
  const from = sourceFormat(x, options);
  if (target === 'f64') copyNumbers(x, from, options, out as Float64Array);
  else if (target === from && options.saturate !== true) (out as Uint8Array | Uint16Array).set(x);
  else if (x instanceof Float32Array) {
    encodeWords(target, new Uint32Array(x.buffer, x.byteOffset, x.length), options, true, codesOf(out));
  } else {
    encodeChunks(target, x, from, options, codesOf(out));
  }
  return out;
}

function codesOf(out: CodeArray<FloatFormatName>): Uint8Array | Uint16Array | Uint32Array {
  return out as Uint8Array | Uint16Array | Uint32Array;
}

/** The format of a source of codes; `undefined` for a source of numbers. */
function sourceFormat(
  x: Float32Array | Float64Array | Uint8Array | Uint16Array,
  options: EncodeArrayOptions,
): NarrowFormatName | undefined {
  if (x instanceof Float32Array || x instanceof Float64Array) return undefined;
  const { from } = options;
  if (from === undefined) {
    const [type, example] = x instanceof Uint16Array ? ['Uint16Array', 'bf16'] : ['Uint8Array', 'e4m3fn'];
    throw new ParameterError(
      'encodeArray',
      'from',
      `is missing, expected the format of the ${type}, e.g. "${example}"; give numbers as a Float32Array or Float64Array.`,
    );
  }
  requireCodes('encodeArray', 'x', from, x);
  return from;
}

function encodeChunks(
  name: Exclude<FloatFormatName, 'f64'>,
  x: Float64Array | Uint8Array | Uint16Array,
  from: NarrowFormatName | undefined,
  options: EncodeArrayOptions,
  out: Uint8Array | Uint16Array | Uint32Array,
): void {
  const words = new Uint32Array(Math.min(CHUNK, x.length));
  // f32 and e8m0 are defined by rounding to float32; for the narrower formats that would be one rounding too many.
  const toWords = name === 'f32' || name === 'e8m0' ? nearestWords : oddWords;
  for (let start = 0; start < x.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, x.length);
    const part = words.subarray(0, end - start);
    if (x instanceof Float64Array) toWords(x.subarray(start, end), part);
    else codesToWords(from as NarrowFormatName, x.subarray(start, end), part);
    encodeWords(name, part, options, false, out.subarray(start, end));
  }
}

function copyNumbers(
  x: ArrayLike<number>,
  from: NarrowFormatName | undefined,
  options: EncodeOptions,
  out: Float64Array,
): void {
  const values = from === undefined ? undefined : decodeTable(from);
  for (let index = 0; index < x.length; index += 1) {
    const item = x[index] as number;
    out[index] = encode('f64', values === undefined ? item : (values[item] as number), options);
  }
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
