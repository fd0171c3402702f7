import { decodeTable, type NarrowFormatName } from './decode.ts';
import { f32Bits } from './f32.ts';
import { formatFacts } from './facts.ts';

// Every source of the bulk encoders becomes float32 patterns first.

/** Patterns of float64 numbers rounded to float32, ties to even. */
export function nearestWords(x: Float64Array, out: Uint32Array): void {
  const values = new Float32Array(out.buffer, out.byteOffset, out.length);
  values.set(x);
  for (let index = 0; index < x.length; index += 1) {
    if (Number.isNaN(x[index] as number)) out[index] = nanWord(x, index);
  }
}

/**
 * Patterns of float64 numbers rounded to odd: an inexact result is truncated and gets its last bit set. Rounding that
 * to nearest in a format with at least two bits less is the same as one rounding from float64 (Boldo and Melquiond 2008).
 */
export function oddWords(x: Float64Array, out: Uint32Array): void {
  const values = new Float32Array(out.buffer, out.byteOffset, out.length);
  values.set(x);
  for (let index = 0; index < x.length; index += 1) {
    const exact = x[index] as number;
    const value = values[index] as number;
    if (value === exact) continue;
    if (Number.isNaN(exact)) {
      out[index] = nanWord(x, index);
    } else {
      const bits = out[index] as number;
      // Patterns of one sign are ordered by magnitude, so this steps toward zero, from infinity too.
      out[index] = (Math.abs(value) > Math.abs(exact) ? bits - 1 : bits) | 1;
    }
  }
}

/** Sign and upper payload of a float64 NaN. */
function nanWord(x: Float64Array, index: number): number {
  const high = new Uint32Array(x.buffer, x.byteOffset + index * 8, 2)[1] as number;
  return (high & 0x80000000) | 0x7fc00000 | ((high & 0x7ffff) << 3);
}

const tables = new Map<NarrowFormatName, Uint32Array>();

/** Patterns of the values of codes, exactly. */
export function codesToWords(from: NarrowFormatName, codes: Uint8Array | Uint16Array, out: Uint32Array): void {
  const table = wordTable(from);
  for (let index = 0; index < codes.length; index += 1) out[index] = table[codes[index] as number] as number;
}

function wordTable(from: NarrowFormatName): Uint32Array {
  let table = tables.get(from);
  if (table === undefined) {
    table = Uint32Array.from(decodeTable(from), (value, code) =>
      Number.isNaN(value) ? nanWordOf(from, code) : f32Bits(value),
    );
    tables.set(from, table);
  }
  return table;
}

function nanWordOf(from: NarrowFormatName, code: number): number {
  const { exponentBits, mantissaBits, hasNegativeZero } = formatFacts(from);
  // Formats without -0 have one NaN, and it has no sign.
  if (!hasNegativeZero) return 0x7fc00000;
  const sign = code >>> (exponentBits + mantissaBits) === 1 ? 0x80000000 : 0;
  const payload = (code & (2 ** mantissaBits - 1)) << (23 - mantissaBits);
  return (sign | 0x7fc00000 | payload) >>> 0;
}
