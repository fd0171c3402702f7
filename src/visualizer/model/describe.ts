import { elementBits } from '../../formats/element-type.ts';
import { type CodedTensor, describeElement, elementFacts } from '../../tensor/describe-element.ts';
import type { Subject } from './subject.ts';

/** The full line about a storage offset: of an element as the library describes it; padding says that it is padding. */
export function describeKey({ tensor, scale, registers }: Subject, key: number): string {
  const coord = tensor.layout.coord(key);
  if (coord === undefined) return describePadding(tensor, key);
  return describeElement(tensor, elementFacts(tensor, coord, { scale, registers }));
}

/** The full line about a coordinate, as a pin shows it. @throws LayoutRangeError for a coordinate outside the tensor */
export function describeCoord({ tensor, scale, registers }: Subject, coord: readonly number[]): string {
  return describeElement(tensor, elementFacts(tensor, coord, { scale, registers }));
}

/** The line about a scale, which is a tensor of its own. */
export function describeScale({ scale }: Subject, key: number): string {
  if (scale === undefined) return '';
  const { tensor } = scale;
  const coord = tensor.layout.coord(key);
  return coord === undefined ? describePadding(tensor, key) : describeElement(tensor, elementFacts(tensor, coord));
}

function describePadding({ name, type }: CodedTensor, key: number): string {
  const bits = elementBits(type);
  const byte = Math.floor((key * bits) / 8);
  const nibble = bits === 4 ? ` ${key % 2 === 0 ? 'low' : 'high'} nibble` : '';
  return `padding of ${name}, byte 0x${byte.toString(16)}${nibble}, 16-byte line 0x${Math.floor(byte / 16).toString(16)}`;
}
