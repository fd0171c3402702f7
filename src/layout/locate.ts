import { ParameterError } from '../errors.ts';
import type { Layout } from './layout.ts';

/** Where one element lies in memory, in every unit that an engineer may need. */
export interface Location {
  readonly coord: readonly number[];
  /** Offset in elements (nibbles for fp4). */
  readonly offset: number;
  readonly byte: number;
  /** First bit of the element in that byte: 4 for the high nibble. */
  readonly bit: number;
  readonly bits: number;
  /** Number of the 16-byte line: what one lane loads with `dwordx4`. */
  readonly line16: number;
  /** Number of the 128-byte cache line. */
  readonly line128: number;
  /** Elements that follow in memory in the order of the last dimension, this one included. */
  readonly contiguousElements: number;
  readonly contiguousBytes: number;
  /** Value of every digit of the layout, by name. */
  readonly digits: Readonly<Record<string, number>>;
}

/**
 * Where an element lies.
 * @param bits bits of an element
 * @throws LayoutRangeError for a coordinate outside the shape
 */
export function locate(layout: Layout, coord: readonly number[], bits: number): Location {
  if (![4, 8, 16, 32, 64].includes(bits))
    throw new ParameterError('locate', 'bits', `is ${bits}, expected 4, 8, 16, 32 or 64.`);
  const offset = layout.offset(coord);
  const bitOffset = offset * bits;
  const byte = Math.floor(bitOffset / 8);
  const contiguousElements = runFrom(layout, coord, offset);
  return {
    coord,
    offset,
    byte,
    bit: bitOffset % 8,
    bits,
    line16: Math.floor(byte / 16),
    line128: Math.floor(byte / 128),
    contiguousElements,
    contiguousBytes: (contiguousElements * bits) / 8,
    digits: digitsOf(layout, offset),
  };
}

/**
 * The element whose bits begin in a byte; `undefined` for padding.
 * @param nibble for fp4: 0 the low, 1 the high one
 */
export function locateByte(layout: Layout, byte: number, bits: number, nibble: 0 | 1 = 0): Location | undefined {
  const coord = layout.coord(Math.floor((byte * 8) / bits) + (bits === 4 ? nibble : 0));
  return coord === undefined ? undefined : locate(layout, coord, bits);
}

/** One line: `n=17 k=40: element 2584, byte 2584, 16-byte line 161, 8 contiguous; n0=1 n1=1 k0=1 k1=0 k2=8`. */
export function describeLocation(layout: Layout, location: Location): string {
  const names = layout.dims.map(({ name }, axis) => `${name}=${location.coord[axis]}`).join(' ');
  const digits = Object.entries(location.digits).map(([name, value]) => `${name}=${value}`);
  const nibble = location.bits === 4 ? ` ${location.bit === 0 ? 'low' : 'high'} nibble` : '';
  return (
    `${names}: element ${location.offset}, byte ${location.byte}${nibble}, 16-byte line ${location.line16}, ` +
    `${location.contiguousElements} contiguous; ${digits.join(' ')}`
  );
}

function digitsOf(layout: Layout, offset: number): Readonly<Record<string, number>> {
  const factors = layout.dims.flatMap((dim) => dim.factors);
  return Object.fromEntries(factors.map(({ name, size, stride }) => [name, Math.floor(offset / stride) % size]));
}

function runFrom(layout: Layout, coord: readonly number[], offset: number): number {
  const last = coord.length - 1;
  const size = layout.shape[last] ?? 1;
  const moved = [...coord];
  let length = 1;
  for (let value = (coord[last] ?? 0) + 1; value < size; value += 1) {
    moved[last] = value;
    if (layout.offset(moved) !== offset + length) break;
    length += 1;
  }
  return length;
}
