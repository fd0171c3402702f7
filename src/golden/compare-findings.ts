import type { Tensor } from '../tensor/tensor.ts';
import type { Expectation } from './check.ts';
import type { ElementReader } from './codes.ts';
import type { Mismatch } from './compare.ts';
import type { MismatchCollector } from './mismatch-collector.ts';

/** A comparison under way: what differs so far, and how one element is described and ranked. */
export interface Findings {
  readonly found: MismatchCollector;
  compared(offset: number): boolean;
  describe(offset: number): Mismatch;
  readonly ranked: 'ofBound' | 'ulp';
}

/** Which storage elements are held against the golden tensor: all that carry a logical element, and padding on request. */
export function comparedElements(expectation: Expectation, count: number): (offset: number) => boolean {
  const { layout } = expectation.expected;
  if (expectation.padding === true || layout.size === count) return () => true;
  return (offset) => layout.coord(offset) !== undefined;
}

/** One element of two tensors of one layout. */
export function mismatch(
  offset: number,
  actual: Tensor,
  a: ElementReader,
  expected: Tensor,
  e: ElementReader,
): Mismatch {
  const bytesPerElement = expected.bytes.byteLength / Math.max(1, e.count);
  const hex = (reader: ElementReader): string =>
    reader.digits === 16
      ? String(reader.value(offset))
      : `0x${reader.code(offset).toString(16).padStart(reader.digits, '0')}`;
  return {
    coord: actual.layout.coord(offset),
    offset,
    byte: Math.floor(offset * bytesPerElement),
    expected: { code: hex(e), value: e.value(offset) },
    actual: { code: hex(a), value: a.value(offset) },
  };
}
