import type { Layout } from '../../../layout/index.ts';
import type { Grid, GridBlock } from '../grid.ts';
import { SceneError } from '../layout-ref.ts';

/** Bytes that one lane loads with `dwordx4`, and those of cache lines. */
const LINES = [128, 64, 16] as const;

/**
 * A tensor as memory holds it, padding included: one row for every `lineBytes` bytes. The last row may end early.
 * @param bits bits of an element
 * @throws SceneError when a row would not hold whole elements
 */
export function memoryGrid(layout: Layout, bits: number, lineBytes: number): Grid {
  const columns = (lineBytes * 8) / bits;
  if (!Number.isSafeInteger(columns) || columns < 1)
    throw new SceneError(
      `A memory row of ${lineBytes} bytes does not hold whole elements of ${bits} bits; choose a multiple of ${bits / 8}.`,
    );
  const size = layout.storageSize;
  const rows = Math.ceil(size / columns);
  const blocks: GridBlock[] = LINES.filter((line) => line < lineBytes && lineBytes % line === 0).map((line) => ({
    rows: 1,
    columns: (line * 8) / bits,
    kind: 'line',
  }));
  const isWhole = size % columns === 0;
  return {
    rows,
    columns,
    keyAt(row, column) {
      const key = row * columns + column;
      return key < size ? key : -1;
    },
    ...(isWhole ? { bases: { row: (row: number) => row * columns, column: (column: number) => column } } : {}),
    cellOf: (key) =>
      Number.isInteger(key) && key >= 0 && key < size
        ? { row: Math.floor(key / columns), column: key % columns }
        : undefined,
    blocks: blocks.filter((block) => block.columns > 1),
    rowLabel: (row) => `0x${(row * lineBytes).toString(16)}`,
    columnLabel(column) {
      const bit = column * bits;
      const byte = `+0x${Math.floor(bit / 8).toString(16)}`;
      return bits === 4 ? `${byte} ${bit % 8 === 0 ? 'low' : 'high'}` : byte;
    },
  };
}
