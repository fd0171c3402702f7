import { describe, expect, it } from 'vitest';
import { rowMajor, shuffleScale } from '../../../../src/layout/index.ts';
import { memoryGrid } from '../../../../src/visualizer/model/grids/index.ts';
import { allKeys, EXAMPLES, gridProblems } from './support.ts';

describe('memoryGrid', () => {
  it.each(EXAMPLES)('%s: every storage element in one cell, in order', (_, layout, bits) => {
    for (const line of [16, 128]) {
      const grid = memoryGrid(layout, bits, line);
      expect(gridProblems(grid, allKeys(layout))).toEqual([]);
      expect(grid.keyAt(1, 0)).toBe(grid.rows > 1 ? (line * 8) / bits : -1);
    }
  });
  it('ends where the storage ends, and gives bases only where rows are whole', () => {
    const grid = memoryGrid(rowMajor([5, 7]), 8, 16);
    expect([grid.rows, grid.columns, grid.keyAt(2, 2), grid.keyAt(2, 3)]).toEqual([3, 16, 34, -1]);
    expect(grid.bases).toBeUndefined();
    expect(grid.cellOf(35)).toBeUndefined();
    expect(memoryGrid(rowMajor([4, 8]), 8, 16).bases).toBeDefined();
  });
  it('shows padding', () => {
    const layout = shuffleScale([100, 11]);
    const grid = memoryGrid(layout, 8, 128);
    const padding = Array.from({ length: layout.storageSize }, (_, key) => key).filter(
      (key) => layout.coord(key) === undefined,
    );
    expect(padding.length).toBe(layout.storageSize - layout.size);
    for (const key of padding) expect(grid.keyAt(Math.floor(key / 128), key % 128)).toBe(key);
  });
  it('labels rows with byte addresses and columns with bytes and nibbles', () => {
    const grid = memoryGrid(rowMajor([64, 256]), 4, 128);
    expect([grid.rowLabel(3), grid.columnLabel(34), grid.columnLabel(35)]).toEqual([
      '0x180',
      '+0x11 low',
      '+0x11 high',
    ]);
    expect(memoryGrid(rowMajor([64, 256]), 32, 128).columnLabel(4)).toBe('+0x10');
  });
  it('draws cache lines and 16-byte lines inside a row', () => {
    expect(memoryGrid(rowMajor([64, 256]), 8, 256).blocks).toEqual([
      { rows: 1, columns: 128, kind: 'line' },
      { rows: 1, columns: 64, kind: 'line' },
      { rows: 1, columns: 16, kind: 'line' },
    ]);
    expect(memoryGrid(rowMajor([64, 256]), 8, 100).blocks).toEqual([]);
  });
  it('refuses rows that split elements', () => {
    expect(() => memoryGrid(rowMajor([4, 4]), 32, 3)).toThrow(
      'A memory row of 3 bytes does not hold whole elements of 32 bits; choose a multiple of 4.',
    );
  });
});
