import { mergedFactors } from '../../../src/layout/dim.ts';
import type { Layout } from '../../../src/layout/layout.ts';

/** Digits that `struct Axis` of shaders/lib/digits.wgsl has room for. */
const MOST_DIGITS = 3;

/** `struct Axis` of every dimension: the number of digits, then place, size and stride of each. */
export function axisWords(layout: Layout): readonly number[] {
  return layout.dims.flatMap((dim) => {
    const factors = mergedFactors(dim);
    if (factors.length > MOST_DIGITS)
      throw new RangeError(`${layout.id} splits "${dim.name}" into ${factors.length} digits`);
    let place = factors.reduce((product, { size }) => product * size, 1);
    const digits = factors.map(({ size, stride }) => {
      place /= size;
      return [place, size, stride] as const;
    });
    const unused = Array.from({ length: MOST_DIGITS - digits.length }, () => [1, 1, 0] as const);
    return [digits.length, ...[...digits, ...unused].flat()];
  });
}

/** Whether every dimension of these layouts fits `struct Axis`. */
export function fitsAxes(layout: Layout): boolean {
  return layout.dims.every((dim) => mergedFactors(dim).length <= MOST_DIGITS);
}

/** Whether `unit` neighbours along the last dimension are `unit` neighbours in storage, from every multiple of `unit` on. */
export function hasRuns(layout: Layout, unit: number): boolean {
  const last = layout.dims.length - 1;
  return layout.dims.every((dim, axis) => {
    const factors = mergedFactors(dim);
    const inner = factors.at(-1);
    const outer = axis === last && inner?.stride === 1 ? factors.slice(0, -1) : factors;
    const runs = axis !== last || (inner?.stride === 1 && inner.size % unit === 0);
    return runs && outer.every(({ stride }) => stride % unit === 0);
  });
}

/** Rows (of the first dimension) that lie together in storage and nothing else with them. */
export interface RowChunk {
  readonly rows: number;
  readonly elements: number;
}

/** The smallest chunks of rows that a tensor can be cut into; the whole tensor where its rows are interleaved. */
export function rowChunk(layout: Layout): RowChunk {
  const [dim] = layout.dims;
  const [outer] = dim === undefined ? [] : mergedFactors(dim);
  if (dim === undefined || outer === undefined || outer.stride * outer.size !== layout.storageSize) {
    return { rows: Math.max(1, dim?.padded ?? 1), elements: layout.storageSize };
  }
  return { rows: dim.padded / outer.size, elements: outer.stride };
}
