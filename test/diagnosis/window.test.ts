import { describe, expect, it } from 'vitest';
import { chooseWindow } from '../../src/diagnosis/window.ts';

const size = { rowCount: 100, columnCount: 1000 };

describe('chooseWindow', () => {
  it('takes everything where it fits', () => {
    const window = chooseWindow({ rowCount: 3, columnCount: 200 }, { rows: 8, columns: 512 });
    expect(window.rows).toEqual([0, 1, 2]);
    expect(window.columns).toEqual(Array.from({ length: 200 }, (_, column) => column));
  });

  it('takes the first and the last row, and spreads the others', () => {
    expect(chooseWindow(size, { rows: 6, columns: 512 }).rows).toEqual([0, 12, 37, 62, 87, 99]);
  });

  it('takes wrong rows and right ones', () => {
    const wrong: number[] = [];
    wrong[41] = 7;
    wrong[42] = 9;
    const { rows } = chooseWindow(size, { rows: 6, columns: 512 }, wrong);
    expect(rows).toContain(41);
    expect(rows).toContain(42);
    expect(rows.length).toBe(6);
    expect(rows.filter((row) => row !== 41 && row !== 42).length).toBe(4);
  });

  it('takes rows from all over the wrong ones', () => {
    const wrong = Array.from({ length: 100 }, (_, row) => (row < 50 ? 0 : 3));
    const { rows } = chooseWindow(size, { rows: 10, columns: 512 }, wrong);
    expect(rows.filter((row) => row >= 50).length).toBe(5);
    expect(rows).toContain(99);
  });

  it('takes whole blocks of 128 columns, the last one as short as it is', () => {
    const { columns } = chooseWindow(size, { rows: 1, columns: 512 });
    expect([columns[0], columns[127], columns.at(-1), columns.length]).toEqual([0, 127, 999, 3 * 128 + 104]);
  });

  it('takes blocks with wrong columns', () => {
    const wrong: number[] = [];
    wrong[3] = 5;
    const { columns } = chooseWindow(size, { rows: 1, columns: 384 }, [], wrong);
    expect(columns).toContain(3 * 128);
  });

  it('takes a wrong row where there is room for few', () => {
    const wrong: number[] = [];
    wrong[71] = 2;
    expect(chooseWindow(size, { rows: 1, columns: 128 }, wrong).rows).toEqual([71]);
    expect(chooseWindow(size, { rows: 3, columns: 128 }, wrong).rows).toEqual([24, 71, 75]);
    expect(chooseWindow(size, { rows: 1, columns: 128 }).rows).toEqual([50]);
  });
});
