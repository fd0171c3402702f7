import { decode } from '../formats/decode.ts';
import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { encode } from '../formats/encode.ts';
import { f32Bits, f32FromBits } from '../formats/f32.ts';
import { formatFacts } from '../formats/facts.ts';
import { codeReader, valueReader } from '../formats/read-codes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF64 } from '../tensor/views.ts';

/** Reads the elements of a tensor in storage order. */
export interface ElementReader {
  readonly count: number;
  /** Hexadecimal digits of a code, for reports. */
  readonly digits: number;
  /** The bits of element `offset`; for 64-bit types, the value itself. */
  code(offset: number): number;
  value(offset: number): number;
}

export function elementReader(tensor: Tensor): ElementReader {
  const { type } = tensor;
  const bits = elementBits(type);
  const count = tensor.layout.storageSize;
  const digits = bits / 4;
  const toValue = valueReader(type);
  if (bits === 64) {
    const wide = type === 'f64' ? asF64(tensor) : wideIntegers(tensor);
    const at = (offset: number): number => wide[offset] ?? Number.NaN;
    return { count, digits, code: at, value: at };
  }
  const code = codeReader(tensor.bytes, bits);
  return { count, digits, code, value: (offset) => toValue(code(offset)) };
}

function wideIntegers(tensor: Tensor): Float64Array {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.byteLength / 8 }, (_, index) =>
    Number(tensor.type === 'u64' ? view.getBigUint64(index * 8, true) : view.getBigInt64(index * 8, true)),
  );
}

/**
 * Rounds a float64 to a value of a format. Where the format has no infinity, overflow saturates: an interval's end may lie
 * outside the format although the result does not.
 */
export function roundTo(type: ElementType, x: number, rounding: 'nearest-even' | 'truncate' = 'nearest-even'): number {
  if (Number.isNaN(x) || type === 'f64' || isIntegerType(type)) return x;
  if (rounding === 'truncate') {
    if (type !== 'bf16') throw new RangeError(`truncation is defined for bf16 results only, not for ${type}`);
    return truncateToBf16(x);
  }
  if (type === 'f32') return Math.fround(x);
  return decode(type, encode(type, x, { saturate: Number.isFinite(x) && !formatFacts(type).hasInfinity }));
}

/** Toward zero, from float64 in one step: float32 rounding first could carry over the boundary. */
function truncateToBf16(x: number): number {
  if (!Number.isFinite(x)) return x;
  let bits = f32Bits(Math.fround(x));
  if (Math.abs(f32FromBits(bits)) > Math.abs(x)) bits -= 1;
  return f32FromBits((bits & 0xffff0000) >>> 0);
}

/**
 * Units in the last place between two codes of one float format: how many representable values lie between them.
 * `undefined` where a distance has no meaning (NaN, integers, float64).
 */
export function ulpDistance(type: ElementType, a: number, b: number): number | undefined {
  return ulpMeter(type)(a, b);
}

/** `ulpDistance` for many codes of one format. */
export function ulpMeter(type: ElementType): (a: number, b: number) => number | undefined {
  if (isIntegerType(type) || type === 'f64') return () => undefined;
  const { codeBits, signed, nanCode } = formatFacts(type);
  const isNaNCode = nanTest(type, nanCode);
  if (!signed) return (a, b) => (isNaNCode(a) || isNaNCode(b) ? undefined : Math.abs(a - b));
  const magnitudes = 2 ** (codeBits - 1);
  const ordered = (code: number): number => (code >= magnitudes ? magnitudes - code : code);
  return (a, b) => (isNaNCode(a) || isNaNCode(b) ? undefined : Math.abs(ordered(a) - ordered(b)));
}

function nanTest(type: ElementType, nanCode: number | undefined): (code: number) => boolean {
  if (nanCode === undefined) return () => false;
  const value = valueReader(type);
  return (code) => Number.isNaN(value(code));
}
