import { decodeTable } from '../formats/decode.ts';
import { f32FromBits } from '../formats/f32.ts';
import { formatFacts } from '../formats/facts.ts';
import { type ElementType, elementBits, isIntegerType } from '../tensor/element-type.ts';

/** The code at a storage offset, as many bits as the type stores; of 64-bit types the low 32. */
export function codeReader(bytes: Uint8Array, bits: number): (offset: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (bits) {
    case 4:
      // No shifts of the offset: a shard may hold more than 2^32 nibbles.
      return (offset) => {
        const high = offset % 2;
        return ((bytes[(offset - high) / 2] as number) >> (high * 4)) & 15;
      };
    case 8:
      return (offset) => bytes[offset] as number;
    case 16:
      return (offset) => view.getUint16(offset * 2, true);
    case 32:
      return (offset) => view.getUint32(offset * 4, true);
    default:
      return (offset) => view.getUint32((offset * bits) / 8, true);
  }
}

/** How far below the small elements of a wide format a zero counts, in powers of two. */
const ZERO_BELOW = 4;

/**
 * How large elements are, on a scale that is about logarithmic and finite: the exponent of e8m0, the code without its sign of the
 * other narrow formats, log2 of wide ones. Signs do not tell the order of weights, magnitudes do.
 *
 * @param probe storage offsets to learn the range of a wide format from
 */
export function magnitudeReader(
  bytes: Uint8Array,
  type: ElementType,
  probe: readonly number[],
): (offset: number) => number {
  const bits = elementBits(type);
  const code = codeReader(bytes, bits);
  if (isIntegerType(type)) {
    const half = 2 ** (bits - 1);
    return type.startsWith('u') ? code : (offset) => Math.min(code(offset), 2 * half - code(offset));
  }
  const { codeBits, signed, maxCode } = formatFacts(type);
  if (codeBits <= 8) {
    const table = Float32Array.from({ length: 2 ** bits }, (_, at) =>
      Math.min(at % 2 ** (codeBits - (signed ? 1 : 0)), maxCode),
    );
    return (offset) => table[code(offset)] as number;
  }
  const log = (offset: number): number => Math.log2(Math.abs(wideValue(bytes, type, code, offset)));
  const sorted = probe
    .map(log)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const low = (sorted[Math.floor(sorted.length / 100)] ?? 0) - ZERO_BELOW;
  const high = (sorted.at(-1) ?? 0) + ZERO_BELOW;
  return (offset) => {
    const value = log(offset);
    return value > low ? Math.min(value, high) : low;
  };
}

function wideValue(bytes: Uint8Array, type: ElementType, code: (offset: number) => number, offset: number): number {
  if (type === 'f32') return f32FromBits(code(offset));
  if (type === 'f64')
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(offset * 8, true);
  return decodeTable(type === 'f16' ? 'f16' : 'bf16')[code(offset)] as number;
}
