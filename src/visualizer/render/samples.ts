import type { RasterView } from './viewport.ts';

/** Cells along one axis of a picture, and the pixels each covers. */
export interface AxisSamples {
  readonly count: number;
  /** Row or column of each sample. */
  readonly cells: Float64Array;
  /** First pixel of each sample, and one past the last pixel of all: `count + 1` entries, ascending. */
  readonly starts: Int32Array;
}

/**
 * Samples of a stretch of pixels: every visible cell once where cells are larger than `step`, else one cell every `step` pixels.
 *
 * @param origin world pixel of pixel 0
 * @param cell pixels a cell
 * @param cells number of cells along the axis
 * @param from,to pixels to cover; those beside the grid are left out
 * @param offset where between 0 and 1 of the pixel a small cell is taken
 */
export function axisSamples(
  origin: number,
  cell: number,
  cells: number,
  from: number,
  to: number,
  step: number,
  offset: (world: number) => number = middle,
): AxisSamples {
  const begin = Math.max(from, -origin);
  const end = Math.min(to, firstPixel(cells, cell) - origin);
  if (end <= begin) return { count: 0, cells: new Float64Array(0), starts: new Int32Array(1) };
  return cell > step
    ? cellSamples(origin, cell, cells, begin, end)
    : pixelSamples(origin, cell, cells, begin, end, step, offset);
}

/** First world pixel whose middle lies in the cell. */
export function firstPixel(index: number, cell: number): number {
  return Math.ceil(index * cell - 0.5);
}

/** The cell under the middle of a world pixel: the last whose first pixel is not behind it. */
export function cellOfPixel(world: number, cell: number, cells: number): number {
  let index = Math.floor((world + 0.5) / cell);
  // The division may round across a border that `firstPixel` puts on the other side.
  if (firstPixel(index + 1, cell) <= world) index += 1;
  else if (firstPixel(index, cell) > world) index -= 1;
  return Math.min(cells - 1, Math.max(0, index));
}

function cellSamples(origin: number, cell: number, cells: number, begin: number, end: number): AxisSamples {
  const first = cellOfPixel(origin + begin, cell, cells);
  const last = cellOfPixel(origin + end - 1, cell, cells);
  const count = last - first + 1;
  const starts = Int32Array.from({ length: count + 1 }, (_, at) =>
    Math.min(end, Math.max(begin, firstPixel(first + at, cell) - origin)),
  );
  return { count, cells: Float64Array.from({ length: count }, (_, at) => first + at), starts };
}

function pixelSamples(
  origin: number,
  cell: number,
  cells: number,
  begin: number,
  end: number,
  step: number,
  offset: (world: number) => number,
): AxisSamples {
  // Steps are counted in the world, so that panning does not make a coarse picture boil.
  const first = Math.floor((origin + begin) / step);
  const count = Math.floor((origin + end - 1) / step) - first + 1;
  const picked = new Float64Array(count);
  const starts = new Int32Array(count + 1);
  for (let at = 0; at < count; at += 1) {
    const world = (first + at) * step;
    picked[at] = Math.min(cells - 1, Math.floor((world + step * offset(first + at)) / cell));
    starts[at] = Math.max(begin, world - origin);
  }
  starts[count] = end;
  return { count, cells: picked, starts };
}

function middle(): number {
  return 0.5;
}

/** A number between 0 and 1 that looks random and is always the same for the same input. */
export function noise(index: number, salt = 0): number {
  let hash = Math.imul((index | 0) ^ Math.imul(salt + 1, 0x85ebca6b), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** Part of a picture, in its pixels. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function wholeRegion({ width, height }: Pick<RasterView, 'width' | 'height'>): Region {
  return { left: 0, top: 0, right: width, bottom: height };
}
