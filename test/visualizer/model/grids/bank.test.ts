import { describe, expect, it } from 'vitest';
import {
  columnMajor,
  loadRegisters,
  mfmaMap,
  mfmaRegisters,
  rowMajor,
  shuffleWeight,
} from '../../../../src/layout/index.ts';
import {
  bankGrid,
  describeBanks,
  describeLines,
  lineGrid,
  type RegisterView,
  waveAccess,
} from '../../../../src/visualizer/model/grids/index.ts';
import { gridProblems } from './support.ts';

const operandB = mfmaRegisters(mfmaMap('v_mfma_f32_16x16x32_fp8_fp8', 'B'));
const view = (over: Partial<RegisterView>): RegisterView => ({
  layout: rowMajor([64, 128]),
  registers: loadRegisters(16),
  bits: 8,
  tile: 0,
  ...over,
});

describe('waveAccess', () => {
  it('of a consecutive load: whole lines, no conflict', () => {
    const access = waveAccess(view({ tile: 1 }));
    expect(access.lines).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect([access.bytes, access.wholeLines]).toEqual([1024, 8]);
    expect(describeLines(access)).toBe('64 lanes read 1024 bytes from 8 lines of 128 bytes, all whole.');
    expect(describeBanks(access)).toBe('256 words of 4 bytes in 64 of 64 LDS banks, at most 4 in each: no conflict.');
  });
  it('of a matrix operand in a preshuffled weight: whole lines', () => {
    const access = waveAccess(view({ layout: shuffleWeight([64, 128]), registers: operandB }));
    expect(describeLines(access)).toBe('64 lanes read 512 bytes from 4 lines of 128 bytes, all whole.');
  });
  it('of a matrix operand in a row-major weight: a quarter of 16 lines', () => {
    const access = waveAccess(view({ registers: operandB }));
    expect([access.lines.length, access.wholeLines, access.bytes]).toEqual([16, 0, 512]);
    expect(describeLines(access)).toBe(
      '64 lanes read 512 bytes from 16 lines of 128 bytes, none whole: 25% of what is fetched is used.',
    );
    // Rows of 128 bytes begin in bank 0 and 32 by turns.
    expect(describeBanks(access)).toBe(
      '128 words of 4 bytes in 16 of 64 LDS banks, up to 8 in one where 2 would do: 4-fold conflict.',
    );
  });
  it('of a column-major weight: one byte of each line', () => {
    const access = waveAccess(view({ layout: columnMajor([1024, 32]), registers: operandB }));
    expect(access.lines.length).toBe(32);
  });
  it('of a tile at the end, which holds less', () => {
    const access = waveAccess(view({ layout: rowMajor([5, 7]) }));
    expect(describeLines(access)).toBe(
      '64 lanes read 35 bytes from 1 line of 128 bytes, none whole: 27% of what is fetched is used.',
    );
    expect(waveAccess(view({ layout: rowMajor([5, 7]), tile: 9 })).keys).toEqual([]);
    expect(describeLines(waveAccess(view({ layout: rowMajor([5, 7]), tile: 9 })))).toBe('This tile holds no element.');
    expect(describeBanks(waveAccess(view({ layout: rowMajor([5, 7]), tile: 9 })))).toBe('No bank is read.');
  });
  it('counts both words of 64-bit elements', () => {
    const access = waveAccess(view({ layout: rowMajor([16, 16]), bits: 64 }));
    expect(access.banks.flat().length).toBe(256);
  });
});

describe('the grids of a load', () => {
  it.each([
    ['consecutive', view({})],
    ['operand, row-major', view({ registers: operandB })],
    ['operand, preshuffled fp8', view({ layout: shuffleWeight([64, 128]), registers: operandB })],
    ['4 bits', view({ layout: shuffleWeight([64, 128], { bits: 4 }), bits: 4 })],
    ['ragged', view({ layout: rowMajor([5, 7]) })],
  ])('%s', (_, shown) => {
    const access = waveAccess(shown);
    const perWord = 32 / shown.bits;
    const words = new Set(access.keys.map((key) => Math.floor(key / perWord) * perWord));
    expect(gridProblems(lineGrid(shown, access), words)).toEqual([]);
    expect(gridProblems(bankGrid(shown, access), words)).toEqual([]);
  });
  it('labels lines with addresses, and banks with numbers', () => {
    const shown = view({ tile: 1 });
    const access = waveAccess(shown);
    const lines = lineGrid(shown, access);
    expect([lines.rowLabel(1), lines.columnLabel(17)]).toEqual(['0x480', '+0x44']);
    const banks = bankGrid(shown, access);
    expect([banks.rows, banks.columns, banks.rowLabel(3), banks.columnLabel(63)]).toEqual([4, 64, 'word 3', 'bank 63']);
    // Every element of a word is drawn in its cell.
    expect(banks.cellOf(1024 + 4 * 65 + 3)).toEqual({ row: 1, column: 1 });
  });
});
