import { describe, expect, it } from 'vitest';
import { rowMajor } from '../../../src/layout/plain.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { asBytes, tensor } from '../../../src/tensor/make.ts';
import { type Change, compared, numbers, output, symptoms } from './support.ts';

const ROWS = 64;
const COLUMNS = 512;
const OTHER = numbers(ROWS * COLUMNS, 77);
const other: Change = (row, column) => OTHER[row * COLUMNS + column] ?? 0;
const said = (change: Change, rest: object = {}): string =>
  symptoms({ rows: ROWS, columns: COLUMNS, change, ...rest }).join('\n');
const where =
  (isWrong: (row: number, column: number) => boolean): Change =>
  (row, column, want, at) =>
    isWrong(row, column) ? other(row, column, want, at) : want;

it('says nothing about outputs that are right', () => {
  expect(said((_, __, want) => want)).toBe('');
  expect(said((_, __, want) => want * (1 + 2 ** -9))).toBe('');
});

describe('where it is wrong', () => {
  it.each<readonly [string, (row: number, column: number) => boolean, string]>([
    ['rows', (row) => row >= 32 && row < 48, 'All that is wrong lies in rows 32..47; every other row is right.'],
    ['one row', (row) => row === 5, 'All that is wrong lies in row 5; every other row is right.'],
    ['all but one row', (row) => row > 0, 'Row 0 is right; every other row has wrong elements.'],
    [
      'halves of each 32 columns',
      (_, column) => column % 32 >= 16,
      'All that is wrong lies in the columns with column mod 32 >= 16; every other column is right.',
    ],
    ['odd rows', (row) => row % 2 === 1, 'the rows with row mod 2 = 1; every other row is right.'],
    [
      'blocks',
      (_, column) => [1, 3].includes(column >> 7),
      'the columns with column mod 256 >= 128; every other column is right.',
    ],
    [
      'small blocks',
      (_, column) => [1, 4, 5, 9, 20, 30].includes(column >> 4),
      'the blocks of 16 columns number 1, 4, 5, 9, 20, 30; every other',
    ],
  ])('%s', (_, isWrong, text) => {
    expect(said(where(isWrong))).toContain(text);
  });

  it('in a single row, where some elements are right by chance', () => {
    const text = said(
      where((_, column) => column >= 256),
      { rows: 1 },
    );
    expect(text).toContain('All that is wrong lies in columns 256..511; every other column is right.');
    expect(said(other, { rows: 1 })).not.toContain('lies in');
  });

  it('takes no zero for a right one', () => {
    const expected = numbers(ROWS * COLUMNS).map((value, index) => (index % COLUMNS >= 400 ? 0 : value));
    expect(said((_, column) => (column >= 400 ? 0 : Number(column % 7)), { expected })).not.toContain('right;');
  });

  it('counts', () => {
    expect(said((row, column, want) => (row === 3 && column < 4 ? 9 : want))).toContain(
      '4 of 32768 elements of y are wrong (under 0.1 %).',
    );
  });
});

describe('what came out', () => {
  it.each<readonly [string, Change, string]>([
    [
      'NaN',
      (row, column, want) => (row === 3 && column >= 100 && column < 110 ? Number.NaN : want),
      '10 elements of y are NaN where numbers are expected, in row 3 and columns 100..109.',
    ],
    [
      'infinities',
      (row, column, want) => (row === 3 && column === 1 ? Number.NEGATIVE_INFINITY : want),
      '1 element of y is infinite where numbers are expected, in row 3 and column 1.',
    ],
    ['zeros', () => 0, 'Every element of y is 0.'],
    ['zeros in places', (row, _, want) => (row % 2 === 1 ? 0 : want), 'Every wrong element is 0.'],
    [
      'rows of zeros beside other mistakes',
      (row, column, want, at) => (row === 9 ? 0 : other(row, column, want, at)),
      'Row 9 of y is all zero where other numbers are expected.',
    ],
    ['the same row everywhere', (_, column, __, at) => at(3, column), 'All rows of y are the same'],
    ['twice', (_, __, want) => 2 * want, 'All of y is 2 times what was expected (100 % of its large elements).'],
    ['an odd factor', (_, __, want) => 1.37 * want, 'All of y is 1.37 times'],
    ['negative', (_, __, want) => -want, 'All of y is the negative of what was expected'],
    [
      'twice in part',
      (_, column, want) => (column >= 256 ? 2 * want : want),
      'What is wrong is 2 times what was expected',
    ],
    [
      'powers of two by blocks',
      (_, column, want) => want * 2 ** ((column >> 7) - 1),
      'Each block of 128 columns has a factor of its own on what was expected: powers of two from 0.5 to 4 (0.5 in columns 0..127; ' +
        '2 in columns 256..383; 4 in columns 384..511).',
    ],
    [
      'fractions of scales, by blocks of rows',
      (row, column, want) => want * (1 - ((row * 7 + (column >> 7) * 3) % 10) / 21),
      'Each block of 128 columns of each row has a factor of its own on what was expected: all in (0.5, 1]',
    ],
    [
      'by rows',
      (row, _, want) => want * (0.3 + row / 16),
      'Each row has a factor of its own on what was expected: from 0.3 to 4.2',
    ],
    ['by columns', (_, column, want) => want * (0.3 + column / 64), 'Each column has a factor of its own'],
    [
      'signs',
      (row, column, want) => ((row * 31 + column * 7) % 5 === 0 ? -want : want),
      'Wrong elements have the right size and the wrong sign (100 % of them).',
    ],
    [
      'clipping',
      (_, __, want) => Math.max(-1, Math.min(1, want)),
      'Wrong elements are ±1 where larger ones are expected: clipped.',
    ],
    [
      'a bias',
      (_, column, want) => want + (OTHER[column] ?? 0),
      'The difference is the same in every row, a constant for each column as of a bias: from -1.4',
    ],
    ['a constant', (_, __, want) => want + 0.5, 'Every wrong element of y is off by the same +0.5.'],
    [
      'a constant for each row',
      (row, _, want) => want + row + 1,
      'The difference is the same in every column, a constant for each row',
    ],
    [
      'small errors',
      (row, column, want) => want * (1 + (((row * 5 + column * 3) % 7) - 3) * 0.01),
      'Every wrong element of y is at most 8 units in the last place off: arithmetic, not an order of data.',
    ],
    ['other numbers', other, 'What is wrong has nothing in common with what was expected (correlation -0.'],
    [
      'something added',
      (row, column, want, at) => want + other(row, column, want, at),
      'resembles what was expected in part (correlation 0.6',
    ],
    [
      'noise that is no rounding',
      (row, column, want, at) => want + other(row, column, want, at) / 5,
      'What is wrong still resembles what was expected (correlation 0.9',
    ],
  ])('%s', (_, change, text) => {
    expect(said(change)).toContain(text);
  });

  it('one way of rounding', () => {
    const expected = numbers(ROWS * COLUMNS).map((value) => value + 2.5);
    const cut = said((_, __, want) => want * (1 - 1 / 1500), { type: 'f16', expected });
    expect(cut).toBe(
      `${ROWS * COLUMNS} of ${ROWS * COLUMNS} elements of y differ within the last bits, 100 % of them nearer to zero: cut off rather than rounded.`,
    );
  });

  it('the largest number of a format', () => {
    const expected = numbers(ROWS * COLUMNS).map((value) => 300 * value);
    const clip: Change = (_, __, want) => Math.max(-240, Math.min(240, want));
    expect(said(clip, { expected })).toContain('±240 where larger ones');
    const call: KernelCall = { op: 'per_token_quant', params: {}, operands: {} };
    const big = numbers(ROWS * COLUMNS).map((value) => 40000 * value);
    expect(said((_, __, want) => Math.max(-448, Math.min(448, want)), { type: 'f16', expected: big, call })).toContain(
      '±448 where larger',
    );
  });
});

describe('what moved', () => {
  it.each<readonly [string, Change, string]>([
    [
      'a shift of rows',
      (row, column, _, at) => (row > 0 ? at(row - 1, column) : 0),
      '98.4 % of the 64 wrong rows hold the values of other rows of y: each holds the row before it (a shift by one).',
    ],
    ['a longer shift', (row, column, want, at) => (row < 60 ? at(row + 4, column) : want), 'row i holds row i + 4'],
    ['a cyclic shift', (row, column, _, at) => at((row + 5) % ROWS, column), 'row i holds row (i + 5) mod 64'],
    [
      'two rows',
      (row, column, want, at) => (row === 7 || row === 9 ? at(16 - row, column) : want),
      'The 2 wrong rows hold the values of other rows of y: row 7 that of row 9, row 9 that of row 7.',
    ],
    ['one row in place of all', (_, column, __, at) => at(3, column), 'each of them holds row 3'],
    ['a reversal', (row, column, _, at) => at(ROWS - 1 - row, column), 'in reverse order (row i holds row 63 - i)'],
    [
      'halves',
      (row, column, _, at) => at(row, (column + 256) % 512),
      'the two halves are exchanged (column i holds column (i + 256) mod 512)',
    ],
    [
      'halves of blocks',
      (row, column, _, at) => at(row, column ^ 16),
      'the halves of each 32 are exchanged (column i holds column i ^ 16)',
    ],
    [
      'interleaved halves',
      (row, column, _, at) => at(row, (column % 2) * 256 + (column >> 1)),
      'the two halves are interleaved (column i holds column (i mod 2) * 256 + floor(i / 2))',
    ],
    [
      'gate rows first',
      (row, column, _, at) => at(row, (column % 256) * 2 + (column >> 8)),
      'even ones come first, then odd ones (column i holds column (i mod 256) * 2 + floor(i / 256))',
    ],
    ['a transpose', (row, column, _, at) => at(row, (column % 16) * 32 + (column >> 4)), 'a transposed [32, 16]'],
    [
      'an order within blocks of 16',
      (row, column, _, at) => at(row, column - (column % 16) + ((column % 2) * 8 + ((column % 16) >> 1))),
      '16 columns at a time are in the order 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15',
    ],
  ])('%s', (_, change, text) => {
    expect(said(change)).toContain(text);
  });

  it('nothing, where lines resemble themselves', () => {
    const call: KernelCall = { op: 'per_token_quant', params: {}, operands: {} };
    expect(said((_, __, want) => want * 1.13, { type: 'e4m3fn', call })).not.toContain('hold');
  });
});

describe('experts', () => {
  const routes = Int32Array.from({ length: 2 * ROWS }, (_, at) => (at % 2 === 0 ? (at >> 1) % 5 : 5 + ((at >> 1) % 3)));
  const call = (shape: readonly number[]): KernelCall => ({
    op: 'moe_stage2_mxfp4',
    params: {},
    operands: { topk_ids: tensor('topk_ids', 'i32', rowMajor(shape), asBytes(routes)) },
  });

  it('that wrong tokens have in common', () => {
    const isWrong = (token: number): boolean => [routes[2 * token], routes[2 * token + 1]].includes(3);
    expect(said(where(isWrong), { call: call([ROWS, 2]) })).toContain(
      'Each of the 13 wrong tokens goes to expert 3, and none of the 51 right ones does.',
    );
  });

  it('and the slots of routes', () => {
    const shape = [ROWS / 2, 2, COLUMNS];
    const change = where((row) => row % 2 === 1);
    const text = said(change, { shape, call: call([ROWS, 2]) });
    expect(text).toContain('All that is wrong lies in slot 1; every other slot is right.');
    const sent = symptoms({ rows: ROWS, columns: COLUMNS, change, shape, call: callOf(ROWS / 2) }).join('\n');
    expect(sent).toContain('Each of the 32 wrong routes goes to expert 5, 6 or 7, and none of the 32 right ones does.');
  });

  const callOf = (tokens: number): KernelCall => ({
    op: 'moe_stage1_mxfp4',
    params: {},
    operands: { topk_ids: tensor('topk_ids', 'i32', rowMajor([tokens, 2]), asBytes(routes.slice(0, 2 * tokens))) },
  });

  it('says nothing where all tokens are wrong', () => {
    expect(said(other, { call: call([ROWS, 2]) })).not.toContain('expert');
  });
});

it('is fast on a layer', () => {
  const values = numbers(128 * 7168);
  const [actual, expected] = [
    output(
      values.map((_, index) => values[index ^ 16] ?? 0),
      [128, 7168],
    ),
    output(values, [128, 7168]),
  ];
  const started = performance.now();
  expect(compared(actual, expected).join('\n')).toContain('the halves of each 32 are exchanged');
  // A few tens of milliseconds, and as much again for reading: room for a machine that is busy.
  expect(performance.now() - started).toBeLessThan(3000);
});
