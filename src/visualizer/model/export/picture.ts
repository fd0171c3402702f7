import type { ColorLegend } from '../color-legend.ts';
import type { Grid, Paint } from '../grid.ts';

/** A part of a grid, with what a reader needs who sees only the picture. */
export interface Picture {
  readonly grid: Grid;
  readonly paint: Paint;
  readonly window: Window;
  /** Pixels a cell. */
  readonly cell: number;
  readonly title: string;
  /** Lines under the title: notation, shape, view. */
  readonly lines: readonly string[];
  readonly legend: ColorLegend;
  readonly link: string;
  readonly inks: Inks;
}

export interface Window {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** Colours of everything but the cells, as CSS. */
export interface Inks {
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly border: string;
}

/** Neighbouring cells of one colour: `columns` cells, `rows` rows. */
export interface Run {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  readonly color: number;
}

/** One colour for each cell of a window, row by row; 0 where there is no element. */
export function windowColors({ grid, paint }: Pick<Picture, 'grid' | 'paint'>, window: Window): Uint32Array {
  const { rows, columns } = window;
  const keys = new Float64Array(columns);
  const found = new Uint32Array(columns);
  const colors = new Uint32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    let count = 0;
    for (let column = 0; column < columns; column += 1) {
      const key = grid.keyAt(window.row + row, window.column + column);
      if (key !== -1) keys[count++] = key;
    }
    paint.fill(keys, count, found);
    let at = 0;
    for (let column = 0; column < columns; column += 1) {
      if (grid.keyAt(window.row + row, window.column + column) !== -1)
        colors[row * columns + column] = found[at++] as number;
    }
  }
  return colors;
}

/** The cells as few rectangles: runs along the rows, and rows that repeat joined. */
export function runsOf(colors: Uint32Array, { rows, columns }: Pick<Window, 'rows' | 'columns'>): readonly Run[] {
  const runs: Run[] = [];
  for (let row = 0; row < rows; ) {
    let height = 1;
    while (row + height < rows && sameRow(colors, row, row + height, columns)) height += 1;
    for (let column = 0; column < columns; ) {
      const color = colors[row * columns + column] as number;
      let width = 1;
      while (column + width < columns && colors[row * columns + column + width] === color) width += 1;
      if (color !== 0) runs.push({ row, column, rows: height, columns: width, color });
      column += width;
    }
    row += height;
  }
  return runs;
}

function sameRow(colors: Uint32Array, one: number, other: number, columns: number): boolean {
  for (let column = 0; column < columns; column += 1)
    if (colors[one * columns + column] !== colors[other * columns + column]) return false;
  return true;
}

/** Black or white, whichever contrasts more. */
export function inkOn(color: number): string {
  const linear = (channel: number): number => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance =
    0.2126 * linear(color & 0xff) + 0.7152 * linear((color >>> 8) & 0xff) + 0.0722 * linear((color >>> 16) & 0xff);
  return luminance > 0.179 ? '#000000' : '#ffffff';
}
