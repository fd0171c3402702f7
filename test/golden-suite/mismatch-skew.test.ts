import { expect, it } from 'vitest';
import { type AxisCounts, findSkews } from '../../src/golden/mismatch-skew.ts';

/** An axis whose every index was compared 10 times and fails 10 times where `fails` says so. */
function axis(name: string, size: number, fails: (index: number) => boolean): AxisCounts {
  return {
    name,
    compared: new Float64Array(size).fill(10),
    failed: Float64Array.from({ length: size }, (_, index) => (fails(index) ? 10 : 0)),
  };
}

const texts = (...axes: readonly AxisCounts[]) => findSkews(axes).map(({ text }) => text);

it('names halves of a period, residues, single indices and ranges', () => {
  expect(texts(axis('n', 128, (n) => n % 32 >= 16))).toEqual(['all 640 mismatches have n mod 32 >= 16']);
  expect(texts(axis('n', 128, (n) => n % 16 < 8))).toEqual(['all 640 mismatches have n mod 16 < 8']);
  expect(texts(axis('k', 128, (k) => k % 8 === 3))).toEqual(['all 160 mismatches have k mod 8 = 3']);
  expect(texts(axis('k', 128, (k) => k % 2 === 1))).toEqual(['all 640 mismatches have k mod 2 = 1']);
  expect(
    texts(
      axis('e', 8, (e) => e === 5),
      axis('m', 4, () => true),
    ),
  ).toEqual([]);
  expect(texts(axis('e', 8, (e) => e === 5 || e === 6))).toEqual(['all 20 mismatches have 5 <= e < 7']);
  expect(texts(axis('e', 128, (e) => e >= 100))).toEqual(['all 280 mismatches have e >= 100']);
  expect(texts(axis('e', 128, (e) => e < 3))).toEqual(['all 30 mismatches have e < 3']);
});

it('takes the sentence that admits least, and of equals the shorter period', () => {
  // Also n mod 8 = 1 and n mod 16 < 8, which admit more.
  expect(texts(axis('n', 64, (n) => n % 16 === 1))).toEqual(['all 40 mismatches have n mod 16 = 1']);
  // Half of 64 indices, but never the second half of a period of 32.
  expect(findSkews([axis('n', 64, (n) => n < 32)])).toEqual([
    { axis: 'n', text: 'all 320 mismatches have n < 32', covers: 0.5 },
  ]);
});

it('keeps one sentence an axis, the strictest first', () => {
  const block = (size: number, from: number) =>
    axis(size === 512 ? 'n' : 'm', size, (at) => at >= from && at < from + 128);
  expect(texts(block(256, 128), block(512, 128))).toEqual([
    'all 1280 mismatches have 128 <= n < 256',
    'all 1280 mismatches have m >= 128',
  ]);
});

it('stays silent where nothing is surprising', () => {
  expect(texts(axis('n', 128, () => true))).toEqual([]);
  // More than half of the axis.
  expect(texts(axis('n', 128, (n) => n % 32 >= 8))).toEqual([]);
  // One stray mismatch outside.
  expect(texts(axis('n', 128, (n) => n % 32 >= 16 || n === 0))).toEqual([]);
  // Ten mismatches fall into half of an axis by chance.
  expect(texts(axis('n', 128, (n) => n === 77))).toEqual([]);
  expect(texts(axis('n', 0, () => true))).toEqual([]);
});
