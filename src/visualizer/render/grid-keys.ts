import type { Cell, Grid } from '../model/grid.ts';

/** What a key asks of a grid that has the focus. */
export type GridCommand =
  | { readonly kind: 'move'; readonly to: Cell }
  | { readonly kind: 'zoom'; readonly factor: number }
  | { readonly kind: 'fit' | 'leave' }
  | { readonly kind: 'pick'; readonly add: boolean };

export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};
const ZOOM = 1.5;
/** Cells of a Shift move where the grid has no blocks along that axis. */
const DEFAULT_BLOCK = 16;

/**
 * What a key press means; undefined for keys that are not the grid's.
 * @param cursor cell that the keyboard is at
 * @param page rows that are visible
 */
export function gridCommand(press: KeyPress, grid: Grid, cursor: Cell, page: number): GridCommand | undefined {
  if (press.metaKey) return undefined;
  const arrow = ARROWS[press.key];
  if (arrow !== undefined) return arrowMove(press, grid, cursor, arrow);
  if (press.altKey) return undefined;
  const move = (row: number, column: number): GridCommand => ({ kind: 'move', to: within(grid, row, column) });
  switch (press.key) {
    case 'Home':
      return press.ctrlKey ? move(0, 0) : move(cursor.row, 0);
    case 'End':
      return press.ctrlKey ? move(grid.rows - 1, grid.columns - 1) : move(cursor.row, grid.columns - 1);
    case 'PageUp':
      return move(cursor.row - page, cursor.column);
    case 'PageDown':
      return move(cursor.row + page, cursor.column);
    case 'Escape':
      return { kind: 'leave' };
    case 'Enter':
    case ' ':
      return { kind: 'pick', add: press.shiftKey };
  }
  if (press.ctrlKey) return undefined;
  switch (press.key) {
    case '+':
    case '=':
      return { kind: 'zoom', factor: ZOOM };
    case '-':
    case '_':
      return { kind: 'zoom', factor: 1 / ZOOM };
    case '0':
      return { kind: 'fit' };
  }
  return undefined;
}

/** A cell on; with Shift a block on; with Alt the element that memory holds before or after. */
function arrowMove(
  { shiftKey, altKey, ctrlKey }: KeyPress,
  grid: Grid,
  { row, column }: Cell,
  [down, right]: readonly [number, number],
): GridCommand | undefined {
  if (ctrlKey) return undefined;
  if (altKey) {
    const key = grid.keyAt(row, column);
    // At the end of memory the key is still the grid's: Alt and an arrow would leave the page.
    return { kind: 'move', to: (key < 0 ? undefined : neighbourInMemory(grid, key, down + right)) ?? { row, column } };
  }
  const block = shiftKey ? blockOf(grid) : { rows: 1, columns: 1 };
  return { kind: 'move', to: within(grid, row + down * block.rows, column + right * block.columns) };
}

/** Offsets looked at for the next element: padding may lie between. */
const FARTHEST = 4096;

function neighbourInMemory(grid: Grid, key: number, step: number): Cell | undefined {
  for (let distance = 1; distance <= FARTHEST; distance += 1) {
    const next = key + step * distance;
    if (next < 0) return undefined;
    const cell = grid.cellOf(next);
    if (cell !== undefined) return cell;
  }
  return undefined;
}

/** Size of the smallest block along each axis. */
function blockOf({ blocks, rows, columns }: Grid): { readonly rows: number; readonly columns: number } {
  const smallest = (sizes: readonly number[], cells: number): number => {
    const found = sizes.filter((size) => size > 1 && size < cells);
    return found.length > 0 ? Math.min(...found) : Math.min(DEFAULT_BLOCK, cells);
  };
  return {
    rows: smallest(
      blocks.map((block) => block.rows),
      rows,
    ),
    columns: smallest(
      blocks.map((block) => block.columns),
      columns,
    ),
  };
}

function within({ rows, columns }: Grid, row: number, column: number): Cell {
  return { row: Math.min(rows - 1, Math.max(0, row)), column: Math.min(columns - 1, Math.max(0, column)) };
}
