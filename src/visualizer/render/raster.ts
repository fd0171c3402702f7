import type { Grid, Paint } from '../model/grid.ts';
import { markOf, opaque } from './marks.ts';
import { type AxisSamples, axisSamples, noise, type Region } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** A picture: one packed colour a pixel, row by row. Pixels beside the grid are 0, which is transparent. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint32Array;
}

/** What was painted where: one key and colour for each sample, for what is drawn over the cells. */
export interface PaintedCells {
  readonly rows: AxisSamples;
  readonly columns: AxisSamples;
}

/** Room for a row of samples, kept between calls so that a frame allocates nothing large. */
interface Scratch {
  keys: Float64Array;
  colors: Uint32Array;
}

const scratch: Scratch = { keys: new Float64Array(0), colors: new Uint32Array(0) };

/** Cells of at least this many pixels show the pattern of their mark. */
const MARKED_CELL = 4;

/**
 * Paints the cells of a region, without borders and text. The cost depends on the region's pixels, not on the grid.
 * @param step pixels a sample where cells are smaller; more is coarser and faster
 */
export function paintCells(
  grid: Grid,
  paint: Paint,
  view: RasterView,
  picture: Picture,
  region: Region,
  step = 1,
): PaintedCells {
  const { left, top, right, bottom } = region;
  // Where several cells share a pixel, a regular pick would show patterns that are not there.
  const offset = view.cell < 1 ? noise : undefined;
  const columns = axisSamples(view.originX, view.cell, grid.columns, left, right, step, offset);
  const rows = axisSamples(view.originY, view.cell, grid.rows, top, bottom, step, offset);
  clearAround(picture, region, rows, columns);
  if (columns.count === 0 || rows.count === 0) return { rows, columns };
  const reader = new RowReader(grid, paint, columns);
  for (let row = 0; row < rows.count; row += 1) {
    const colors = reader.colorsOf(rows.cells[row] as number);
    paintRow(picture, view, rows.starts[row] as number, rows.starts[row + 1] as number, columns, colors);
  }
  return { rows, columns };
}

/** Reads the colours of one row of samples after another. */
export class RowReader {
  readonly #grid: Grid;
  readonly #paint: Paint;
  readonly #columns: Float64Array;
  readonly #columnBases: Float64Array | undefined;

  constructor(grid: Grid, paint: Paint, { cells, count }: AxisSamples) {
    if (scratch.keys.length < count) {
      scratch.keys = new Float64Array(count);
      scratch.colors = new Uint32Array(count);
    }
    this.#grid = grid;
    this.#paint = paint;
    this.#columns = cells;
    this.#columnBases =
      grid.bases === undefined ? undefined : cells.map((column) => grid.bases?.column(column) as number);
  }

  /** One colour for each column sample, 0 where there is no element. The array is used again for the next row. */
  colorsOf(row: number): Uint32Array {
    const { keys, colors } = scratch;
    const count = this.#columns.length;
    const bases = this.#columnBases;
    if (bases !== undefined) {
      const base = this.#grid.bases?.row(row) as number;
      for (let at = 0; at < count; at += 1) keys[at] = base + (bases[at] as number);
      this.#paint.fill(keys, count, colors);
      return colors;
    }
    let hasHoles = false;
    for (let at = 0; at < count; at += 1) {
      const key = this.#grid.keyAt(row, this.#columns[at] as number);
      hasHoles ||= key < 0;
      keys[at] = key;
    }
    if (hasHoles) this.#fillAround(count);
    else this.#paint.fill(keys, count, colors);
    return colors;
  }

  /** Fills the runs of cells that have a key; `fill` never sees -1. */
  #fillAround(count: number): void {
    const { keys, colors } = scratch;
    let start = 0;
    while (start < count) {
      let end = start;
      while (end < count && (keys[end] as number) >= 0) end += 1;
      if (end > start) this.#paint.fill(keys.subarray(start, end), end - start, colors.subarray(start, end));
      while (end < count && (keys[end] as number) < 0) {
        colors[end] = 0;
        end += 1;
      }
      start = end;
    }
  }
}

/** One row of samples as pixels: the first pixel row is written, the others are copies of it. */
function paintRow(
  { data, width }: Picture,
  view: RasterView,
  top: number,
  bottom: number,
  columns: AxisSamples,
  colors: Uint32Array,
): void {
  if (bottom <= top) return;
  const { count, starts } = columns;
  const line = top * width;
  let marked = false;
  if ((starts[count] as number) - (starts[0] as number) === count) {
    // A sample for each pixel.
    const start = line + (starts[0] as number);
    for (let at = 0; at < count; at += 1) {
      const color = colors[at] as number;
      data[start + at] = color === 0 ? 0 : color | 0xff000000;
    }
  } else
    for (let at = 0; at < count; at += 1) {
      const color = colors[at] as number;
      const alpha = color >>> 24;
      marked ||= alpha !== 0xff && alpha !== 0;
      const end = line + (starts[at + 1] as number);
      const solid = alpha === 0 ? 0 : opaque(color);
      for (let pixel = line + (starts[at] as number); pixel < end; pixel += 1) data[pixel] = solid;
    }
  const from = line + (starts[0] as number);
  const to = line + (starts[count] as number);
  for (let row = top + 1; row < bottom; row += 1) data.copyWithin(row * width + (starts[0] as number), from, to);
  if (marked && view.cell >= MARKED_CELL) paintMarks({ data, width }, view, top, bottom, columns, colors);
}

/** Patterns over the cells of a row: diagonal lines that go on from cell to cell, or a cross in each. */
function paintMarks(
  { data, width }: Pick<Picture, 'data' | 'width'>,
  view: RasterView,
  top: number,
  bottom: number,
  { count, starts }: AxisSamples,
  colors: Uint32Array,
): void {
  const period = Math.max(4, Math.round(view.cell / 4));
  const { cell } = view;
  for (let at = 0; at < count; at += 1) {
    const mark = markOf(colors[at] as number);
    if (mark === 'none') continue;
    const ink = inkOn(colors[at] as number);
    const left = starts[at] as number;
    const right = starts[at + 1] as number;
    for (let y = top; y < bottom; y += 1) {
      const worldY = view.originY + y;
      const inY = worldY + 0.5 - Math.floor((worldY + 0.5) / cell) * cell;
      for (let x = left; x < right; x += 1) {
        const worldX = view.originX + x;
        const inX = worldX + 0.5 - Math.floor((worldX + 0.5) / cell) * cell;
        const isInk =
          mark === 'hatch'
            ? (worldX + worldY) % period === 0
            : Math.abs(inX - inY) < 0.75 || Math.abs(inX + inY - cell) < 0.75;
        if (isInk) data[y * width + x] = ink;
      }
    }
  }
}

/** A visible shade of a colour: the average with black or white, whichever is farther. */
function inkOn(color: number): number {
  const green = (color >>> 8) & 0xff;
  const target = green < 128 ? 0xff : 0;
  const mix = (shift: number): number => (((color >>> shift) & 0xff) + target) >>> 1;
  return (0xff000000 | (mix(16) << 16) | (mix(8) << 8) | mix(0)) >>> 0;
}

/** Empties the pixels of a region that no sample covers. */
export function clearAround({ data, width }: Picture, region: Region, rows: AxisSamples, columns: AxisSamples): void {
  const { left, top, right, bottom } = region;
  const isEmpty = rows.count === 0 || columns.count === 0;
  const firstRow = isEmpty ? bottom : (rows.starts[0] as number);
  const endRow = isEmpty ? bottom : (rows.starts[rows.count] as number);
  const firstColumn = isEmpty ? right : (columns.starts[0] as number);
  const endColumn = isEmpty ? right : (columns.starts[columns.count] as number);
  for (let y = top; y < bottom; y += 1) {
    const line = y * width;
    if (y < firstRow || y >= endRow) data.fill(0, line + left, line + right);
    else {
      data.fill(0, line + left, line + firstColumn);
      data.fill(0, line + endColumn, line + right);
    }
  }
}
