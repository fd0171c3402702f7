import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { formatFacts } from '../formats/facts.ts';
import { codeReader, valueReader } from '../formats/read-codes.ts';

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
  const value = valueReader(type);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (offset: number): number => (type === 'f64' ? view.getFloat64(offset * 8, true) : value(code(offset)));
  const log = (offset: number): number => Math.log2(Math.abs(wide(offset)));
  const sorted = probe
    .map(log)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const low = (sorted[Math.floor(sorted.length / 100)] ?? 0) - ZERO_BELOW;
  const high = (sorted.at(-1) ?? 0) + ZERO_BELOW;
  return (offset) => {
    const size = log(offset);
    return size > low ? Math.min(size, high) : low;
  };
}
