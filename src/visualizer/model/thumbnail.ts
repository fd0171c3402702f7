import type { Grid } from './grid.ts';

/** What a small picture shows of a grid, and how large. */
export interface Thumbnail {
  readonly grid: Grid;
  /** Rows that fit. */
  readonly rows: number;
  /** CSS pixels a cell, a whole number. */
  readonly cell: number;
}

/** Rows that a picture shows at least, where the grid has them: two tiles of 16. */
const ROWS = 32;

/** CSS pixels between borders at least. */
const BORDER_GAP = 8;

/**
 * The beginning of a grid in cells as large as fit a picture; of a grid with more columns or far more rows than pixels every so
 * manieth cell, one a pixel.
 */
export function thumbnailOf(grid: Grid, width: number, height: number): Thumbnail {
  if (grid.columns <= width && grid.rows <= 16 * height) {
    const fitting = Math.floor(Math.min(width / grid.columns, height / Math.min(grid.rows, ROWS)));
    const cell = Math.max(1, fitting);
    // Lines that lie too close would cover the cells.
    const blocks = grid.blocks.filter((block) => block.rows * cell >= BORDER_GAP && block.columns * cell >= BORDER_GAP);
    return { grid: { ...grid, blocks }, rows: Math.min(grid.rows, Math.floor(height / cell)), cell };
  }
  const columnStep = Math.ceil(grid.columns / width);
  const rowStep = Math.ceil(grid.rows / height);
  const columns = Math.ceil(grid.columns / columnStep);
  const rows = Math.ceil(grid.rows / rowStep);
  const thinned: Grid = {
    rows,
    columns,
    keyAt: (row, column) => grid.keyAt(row * rowStep, column * columnStep),
    cellOf: () => undefined,
    blocks: [],
    rowLabel: (row) => grid.rowLabel(row * rowStep),
    columnLabel: (column) => grid.columnLabel(column * columnStep),
  };
  return { grid: thinned, rows, cell: 1 };
}
