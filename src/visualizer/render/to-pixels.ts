import type { Grid, Paint } from '../model/grid.ts';
import { drawBorders } from './borders.ts';
import { type Picture, paintCells } from './raster.ts';
import { refineRows } from './refine.ts';
import { wholeRegion } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** Cells `row … row + rows`, `column … column + columns` of a grid. */
export interface CellRect {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

export interface PixelOptions {
  /** Colour of the borders of blocks, packed; none are drawn without it. */
  readonly border?: number;
  /** Pixels a border is wide. Default 1. */
  readonly lineWidth?: number;
}

/**
 * A picture of part of a grid, for thumbnails and exports. Needs no browser.
 * @param scale pixels a cell; below 1 several cells are averaged
 * @returns packed colours, row by row: the bytes of an ImageData of this width and height
 */
export function paintToPixels(
  grid: Grid,
  paint: Paint,
  rect: CellRect,
  scale: number,
  options: PixelOptions = {},
): Picture {
  const width = Math.max(1, Math.round(Math.min(rect.columns, grid.columns - rect.column) * scale));
  const height = Math.max(1, Math.round(Math.min(rect.rows, grid.rows - rect.row) * scale));
  const picture = { width, height, data: new Uint32Array(width * height) };
  const view: RasterView = {
    originX: Math.round(rect.column * scale),
    originY: Math.round(rect.row * scale),
    cell: scale,
    width,
    height,
  };
  if (scale < 1) refineRows(grid, paint, view, picture, 0, height);
  else paintCells(grid, paint, view, picture, wholeRegion(view));
  if (options.border !== undefined)
    drawBorders(grid, view, picture, wholeRegion(view), options.border, options.lineWidth ?? 1);
  return picture;
}
