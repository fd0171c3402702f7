import { axisOffset, type Layout, unravel } from '../../../layout/index.ts';
import type { Grid, GridBlock } from '../grid.ts';
import { layoutTile } from './tile.ts';

export interface LogicalGridOptions {
  /** Elements that share a scale, one entry for each dimension: borders are drawn around them. */
  readonly scaleBlock?: readonly number[] | undefined;
}

/**
 * A tensor as people write it: the last dimension runs along the columns, all others, flattened, along the rows. Padding has no
 * cell. Nothing is computed before it is asked for, so a row of an 800 000-row tensor costs as much as one of ten rows.
 */
export function logicalGrid(layout: Layout, options: LogicalGridOptions = {}): Grid {
  const last = layout.shape.length - 1;
  const leading = layout.shape.slice(0, last);
  const columns = layout.shape[last] ?? 1;
  const rows = layout.size / columns;
  const bases = {
    row: (row: number): number =>
      unravel(row, leading).reduce((sum, index, axis) => sum + axisOffset(layout, axis, index), 0),
    column: (column: number): number => axisOffset(layout, last, column),
  };
  const name = (axis: number, index: number): string => `${layout.dims[axis]?.name}=${index}`;
  return {
    rows,
    columns,
    keyAt: (row, column) => bases.row(row) + bases.column(column),
    bases,
    cellOf(key) {
      const coord = key >= 0 && key < layout.storageSize ? layout.coord(key) : undefined;
      if (coord === undefined) return undefined;
      const row = coord.slice(0, last).reduce((at, index, axis) => at * (leading[axis] as number) + index, 0);
      return { row, column: coord[last] as number };
    },
    blocks: blocksOf(layout, rows, columns, options.scaleBlock),
    rowLabel: (row) =>
      unravel(row, leading)
        .map((index, axis) => name(axis, index))
        .join(' '),
    columnLabel: (column) => name(last, column),
  };
}

function blocksOf(
  layout: Layout,
  rows: number,
  columns: number,
  scaleBlock: readonly number[] | undefined,
): readonly GridBlock[] {
  const rowsPerMatrix = layout.shape.at(-2) ?? 1;
  const blocks: GridBlock[] = [];
  // Blocks begin anew with every expert; borders that would not are left out.
  const fits = (height: number): boolean => rows === rowsPerMatrix || rowsPerMatrix % height === 0;
  const add = (block: GridBlock): void => {
    const isSmaller = block.rows < rows || block.columns < columns;
    if (block.rows * block.columns > 1 && isSmaller && fits(block.rows)) blocks.push(block);
  };
  if (rows > rowsPerMatrix) blocks.push({ rows: rowsPerMatrix, columns, kind: 'expert' });
  const tile = layoutTile(layout);
  add({ rows: tile.rows, columns: tile.columns, kind: 'tile' });
  if (scaleBlock !== undefined) {
    add({ rows: scaleBlock.at(-2) ?? 1, columns: scaleBlock.at(-1) ?? 1, kind: 'scale' });
  }
  return blocks.toSorted((a, b) => b.rows * b.columns - a.rows * a.columns);
}
