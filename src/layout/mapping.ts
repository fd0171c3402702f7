import { PreshuffleError } from '../errors.ts';
import { Layout } from './layout.ts';
import { planRelayout } from './relayout-plan.ts';
import { requireSameShape } from './same-shape.ts';

/**
 * Where elements end up when bytes written in one layout are read in another: a map of a finite set of numbers to itself
 * or to another set, with holes.
 */
export interface OffsetMapping {
  /** Number of source positions. */
  readonly size: number;
  /** Target position, or undefined where there is none (padding). */
  at(position: number): number | undefined;
}

/**
 * The mapping from storage offsets of `from` to storage offsets of `to` that keeps every logical element.
 * @post `relayoutMapping(a, b).at(a.offset(c))` equals `b.offset(c)` for every coordinate c
 */
export function relayoutMapping(from: Layout, to: Layout): OffsetMapping {
  requireSameShape(from, to);
  return {
    size: from.storageSize,
    at(position) {
      const coord = from.coord(position);
      return coord === undefined ? undefined : to.offset(coord);
    },
  };
}

/**
 * What a kernel sees that reads in layout `read` the bytes that were written in layout `written`: for each logical coordinate
 * it asks for, the logical coordinate of the element it gets; `undefined` where it gets padding or reads beyond the end.
 * "Written as A, read as B" is A and then the inverse of B.
 *
 * @post `readAs(a, a)(c)` equals c
 */
export function readAs(written: Layout, read: Layout): (coord: readonly number[]) => readonly number[] | undefined {
  return (coord) => {
    const offset = read.offset(coord);
    return offset < written.storageSize ? written.coord(offset) : undefined;
  };
}

/**
 * Length of the pieces in which elements move from one layout to the other: 16 from row-major to `shuffle_weight` of bytes.
 * 1 also where the digits of the two do not nest.
 *
 * @post every element lies in a group of at least this many that are neighbours, in the same order, in both storages
 */
export function contiguousRun(from: Layout, to: Layout): number {
  requireSameShape(from, to);
  const runs = planRelayout(from, to)?.map(({ loops }) => {
    const last = loops.at(-1);
    return last !== undefined && last.from === 1 && last.to === 1 ? last.size : 1;
  });
  return Math.min(...(runs ?? [1]));
}

/**
 * First `first`, then `second`.
 * @post `compose(f, g).at(p)` equals `g.at(f.at(p))`
 */
export function compose(first: OffsetMapping, second: OffsetMapping): OffsetMapping {
  return {
    size: first.size,
    at(position) {
      const middle = first.at(position);
      return middle === undefined || middle >= second.size ? undefined : second.at(middle);
    },
  };
}

/**
 * The mapping backwards.
 * @param size number of positions of the result; default the source's
 * @throws PreshuffleError when two positions go to the same place
 * @post `invert(f).at(f.at(p))` equals p wherever f has a value
 */
export function invert(mapping: OffsetMapping, size: number = mapping.size): OffsetMapping {
  const back = new Map<number, number>();
  for (let position = 0; position < mapping.size; position += 1) {
    const target = mapping.at(position);
    if (target === undefined) continue;
    const other = back.get(target);
    if (other !== undefined) {
      throw new PreshuffleError(
        'not-a-bijection',
        `positions ${other} and ${position} both map to ${target}; only a bijection has an inverse.`,
      );
    }
    back.set(target, position);
  }
  return { size, at: (position) => back.get(position) };
}

/**
 * How many times a layout must be applied to its own output until the bytes are back in place: `shuffle_weight` of a 64x256 fp8
 * weight has order 2, so that a second shuffle by mistake hides itself.
 *
 * @throws PreshuffleError for a layout with padding, which cannot be applied to its own output
 */
export function applicationOrder(layout: Layout): number {
  if (layout.storageSize !== layout.size) {
    throw new PreshuffleError(
      'padded-layout',
      `${layout.id} pads [${layout.shape.join(', ')}], so it cannot be applied to its own output.`,
    );
  }
  const next = Float64Array.from({ length: layout.size }, (_, index) => layout.offset(unravel(index, layout.shape)));
  const seen = new Uint8Array(layout.size);
  let order = 1n;
  for (let start = 0; start < layout.size; start += 1) {
    let length = 0n;
    for (let position = start; seen[position] === 0; position = next[position] as number) {
      seen[position] = 1;
      length += 1n;
    }
    if (length > 1n) order = (order * length) / gcd(order, length);
  }
  return Number(order);
}

/** Row-major coordinate number `index` of a shape. */
export function unravel(index: number, shape: readonly number[]): number[] {
  const coord = new Array<number>(shape.length);
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    const size = shape[axis] as number;
    coord[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return coord;
}

/**
 * The composition as a layout of its own, where its digits nest: the storage of `from`, written in the order of `to`. Its one
 * dimension is the source offset. `undefined` where the digit boundaries do not nest.
 *
 * @post `relayoutAsLayout(a, b)?.offset([a.offset(c)])` equals `b.offset(c)`
 */
export function relayoutAsLayout(from: Layout, to: Layout): Layout | undefined {
  requireSameShape(from, to);
  if (from.storageSize !== from.size || to.storageSize !== to.size) return undefined;
  const digits: { name: string; size: number; from: number; to: number }[] = [];
  for (const [axis, dim] of from.dims.entries()) {
    const other = to.dims[axis];
    if (other === undefined) return undefined;
    const cuts = new Set([1, ...placesOf(dim.factors), ...placesOf(other.factors)]);
    const places = [...cuts].sort((a, b) => a - b);
    for (const [index, place] of places.slice(0, -1).entries()) {
      const size = (places[index + 1] as number) / place;
      if (!Number.isInteger(size)) return undefined;
      const coord = from.shape.map((_, at) => (at === axis ? place : 0));
      digits.push({ name: `${dim.name}_${index}`, size, from: from.offset(coord), to: to.offset(coord) });
    }
  }
  return new Layout({
    id: `${from.id} to ${to.id}`,
    dims: [{ name: 'offset', size: from.size, factors: digits.toSorted((a, b) => b.from - a.from) }],
    order: digits.toSorted((a, b) => b.to - a.to).map(({ name }) => name),
  });
}

/** Values at which a new digit begins, and the size of the dimension. */
function placesOf(factors: readonly { readonly size: number }[]): readonly number[] {
  let place = 1;
  return factors.toReversed().map(({ size }) => {
    place *= size;
    return place;
  });
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}
