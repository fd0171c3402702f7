import type { Grid, Paint } from '../../../src/visualizer/model/grid.ts';

/** A grid of keys in rows, with or without `bases`. */
export function plainGrid(rows: number, columns: number, withBases: boolean): Grid {
  return {
    rows,
    columns,
    keyAt: (row, column) => row * columns + column,
    ...(withBases ? { bases: { row: (row: number) => row * columns, column: (column: number) => column } } : {}),
    cellOf: (key) =>
      key >= 0 && key < rows * columns ? { row: Math.floor(key / columns), column: key % columns } : undefined,
    blocks: [
      { rows: 16, columns: 32, kind: 'tile' },
      { rows: 1, columns: 8, kind: 'line' },
    ],
    rowLabel: (row) => `e=${Math.floor(row / 64)} n=${row % 64}`,
    columnLabel: (column) => `k=${column}`,
  };
}

/** Each key its own opaque colour. */
export const keyPaint: Paint = {
  fill(keys, count, out) {
    for (let at = 0; at < count; at += 1) out[at] = colorOfKey(keys[at] as number);
  },
  text: (key) => [`0x${key.toString(16)}`, String(key)],
};

export function colorOfKey(key: number): number {
  return (0xff000000 | (Math.imul(key + 1, 0x9e3779) & 0xffffff)) >>> 0;
}
