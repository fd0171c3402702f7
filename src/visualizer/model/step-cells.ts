import type { Layout, LayoutFactor } from '../../layout/index.ts';
import type { Step } from './steps.ts';

/** Most cells that are moved. */
const LIMIT = 2048;
/** Values that are shown of a digit that counts tiles, and of a dimension that is not split. */
const TILES = 2;
const UNSPLIT = 16;
/** Cells between blocks; blocks of blocks add as much again. */
const GAP = 0.7;
/** Cells a line of the stored tensor, at most. */
const ROW = 64;

/** One element of the sample. */
export interface StepCell {
  /** Storage offset in the whole tensor. */
  readonly key: number;
  /** Logical coordinate; in padding it lies outside the shape. */
  readonly coord: readonly number[];
  readonly isPadding: boolean;
  /** Values of the digits within the sample, dimension by dimension, as `view` lists them. */
  readonly digits: readonly number[];
}

interface SampleDigit extends LayoutFactor {
  readonly axis: number;
  /** Values of the digit that the sample has. */
  readonly taken: number;
  /** The first of them. */
  readonly base: number;
  /** Elements of its dimension between neighbouring values. */
  readonly place: number;
}

/** A small box of a tensor that shows how a layout moves elements: whole tiles where they are small enough. */
export interface StepSample {
  readonly layout: Layout;
  readonly cells: readonly StepCell[];
  readonly digits: readonly SampleDigit[];
}

/**
 * The sample around a storage offset.
 * @param counters names of the digits that count tiles
 */
export function stepSample(layout: Layout, counters: ReadonlySet<string>, around = 0): StepSample {
  const taken = extents(layout, counters);
  const digits = layout.dims.flatMap((dim, axis): SampleDigit[] => {
    let place = dim.padded;
    return dim.factors.map((factor) => {
      place /= factor.size;
      const count = taken.get(factor.name) ?? 1;
      const value = Math.floor(around / factor.stride) % factor.size;
      const base = Math.min(Math.floor(value / count) * count, factor.size - count);
      return { ...factor, axis, taken: count, base, place };
    });
  });
  const total = digits.reduce((product, digit) => product * digit.taken, 1);
  const cells = Array.from({ length: total }, (_, index): StepCell => {
    const values = new Array<number>(digits.length);
    const coord = layout.shape.map(() => 0);
    let rest = index;
    let key = 0;
    for (let at = digits.length - 1; at >= 0; at -= 1) {
      const digit = digits[at] as SampleDigit;
      const value = rest % digit.taken;
      rest = Math.floor(rest / digit.taken);
      values[at] = value;
      key += (digit.base + value) * digit.stride;
      coord[digit.axis] = (coord[digit.axis] ?? 0) + (digit.base + value) * digit.place;
    }
    const isPadding = coord.some((value, axis) => value >= (layout.shape[axis] as number));
    return { key, coord, isPadding, digits: values };
  });
  return { layout, cells, digits };
}

/** How many values of each digit are shown: inner digits whole, tiles two of each, one expert. */
function extents(layout: Layout, counters: ReadonlySet<string>): ReadonlyMap<string, number> {
  const taken = new Map<string, number>();
  let room = LIMIT;
  const grow = (name: string, wanted: number): void => {
    // Halving keeps the digits of the sample aligned with those of the tensor.
    let count = wanted;
    while (count > room) count = Math.ceil(count / 2);
    taken.set(name, count);
    room = Math.floor(room / count);
  };
  const known = new Map(
    layout.dims.flatMap((dim, axis) => dim.factors.map((factor) => [factor.name, { factor, dim, axis }] as const)),
  );
  const innermostFirst = layout.order.toReversed();
  for (const isCounter of [false, true]) {
    for (const name of innermostFirst) {
      const digit = known.get(name);
      if (digit === undefined || counters.has(name) !== isCounter) continue;
      const isLeading = digit.axis < layout.dims.length - 2;
      const most = digit.dim.factors.length === 1 ? UNSPLIT : TILES;
      grow(name, isLeading ? 1 : isCounter ? Math.min(digit.factor.size, most) : digit.factor.size);
    }
  }
  return taken;
}

/** Where a cell is drawn, in cells from the top left corner. */
export interface Spot {
  readonly x: number;
  readonly y: number;
}

/**
 * Where each cell of the sample is after a step: in rows and columns as people write the tensor; in blocks, once it is viewed by
 * digits; and in storage order, line below line, at first still in blocks.
 */
export function stepSpots(sample: StepSample, kind: Step['kind']): readonly Spot[] {
  const hasGaps = kind === 'view' || kind === 'permute';
  return kind === 'permute' || kind === 'contiguous' ? storedSpots(sample, hasGaps) : logicalSpots(sample, hasGaps);
}

function logicalSpots({ cells, digits, layout }: StepSample, hasGaps: boolean): readonly Spot[] {
  const last = layout.dims.length - 1;
  const along = (which: (axis: number) => boolean, values: readonly number[]): number => {
    let position = 0;
    let width = 1;
    for (let at = digits.length - 1; at >= 0; at -= 1) {
      const { axis, taken } = digits[at] as SampleDigit;
      if (!which(axis) || taken === 1) continue;
      position += (values[at] as number) * width;
      width = width * taken + (hasGaps ? GAP : 0);
    }
    return position;
  };
  return cells.map(({ digits: values }) => ({
    x: along((axis) => axis === last, values),
    y: along((axis) => axis !== last, values),
  }));
}

function storedSpots({ cells, digits, layout }: StepSample, hasGaps: boolean): readonly Spot[] {
  const order = layout.order.map((name) => digits.findIndex((digit) => digit.name === name));
  const taken = order.map((at) => (digits[at] as SampleDigit).taken);
  const width = rowWidth(taken);
  // Elements in front of which a block begins: whole digits.
  const blocks: number[] = [];
  let block = 1;
  for (const size of taken.toReversed()) {
    if (size > 1 && block > 1) blocks.push(block);
    block *= size;
  }
  return cells.map(({ digits: values }) => {
    const position = order.reduce((sum, at, index) => sum * (taken[index] as number) + (values[at] as number), 0);
    let x = position % width;
    let y = Math.floor(position / width);
    if (!hasGaps) return { x, y };
    const column = x;
    const row = y;
    for (const size of blocks) {
      if (size < width) x += GAP * Math.floor(column / size);
      else y += GAP * Math.floor(row / (size / width));
    }
    return { x, y };
  });
}

/** Cells of a line of the stored sample: the innermost digits, and of the next as many values as there is room for. */
function rowWidth(taken: readonly number[]): number {
  let width = 1;
  for (const size of taken.toReversed()) {
    if (width * size > ROW) {
      const part = Array.from({ length: size }, (_, at) => size - at).find(
        (count) => size % count === 0 && width * count <= ROW,
      );
      return width * (part ?? 1);
    }
    width *= size;
  }
  return width;
}
