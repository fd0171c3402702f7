import { describe, expect, it } from 'vitest';
import { PreshuffleError } from '../../src/errors.ts';
import {
  catalog,
  gateUpInterleaved,
  rowMajor,
  scaleColumnMajor,
  scaleRowMajor,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { readAs, unravel } from '../../src/layout/mapping.ts';
import { bindPattern, parsePattern } from '../../src/layout/notation.ts';
import { correctlyRead } from '../../src/layout/read-count.ts';
import { type ReadDigit, readDigits } from '../../src/layout/read-digits.ts';
import { everyCoord } from './support.ts';

/** Every layout of the catalog that takes a shape. */
function layoutsOf(shape: readonly number[], bits: number): readonly Layout[] {
  return catalog.flatMap((entry) => {
    try {
      return [entry.bind(shape, { bits })];
    } catch (error) {
      if (error instanceof PreshuffleError) return [];
      throw error;
    }
  });
}

function custom(pattern: string, shape: readonly number[]): Layout {
  return bindPattern(parsePattern(pattern), shape, { id: pattern });
}

/** The definition, one offset at a time. */
function countedOneByOne(written: Layout, read: Layout): number {
  let correct = 0;
  for (let offset = 0; offset < written.storageSize; offset += 1) {
    const coord = written.coord(offset);
    if (coord !== undefined && read.offset(coord) === offset) correct += 1;
  }
  return correct;
}

const SHAPES: readonly (readonly [readonly number[], number])[] = [
  [[32, 64], 8],
  [[32, 64], 4],
  [[2, 32, 64], 8],
  [[1, 64, 128], 4],
  [[5, 7], 32],
  [[100, 11], 8],
  [[256, 11], 8],
  [[2, 64], 32],
];

describe('correctlyRead', () => {
  it.each(SHAPES)('counts as the definition does for every pair of layouts of %j, %d bits', (shape, bits) => {
    const layouts = layoutsOf(shape, bits);
    expect(layouts.length).toBeGreaterThan(2);
    for (const written of layouts) {
      for (const read of layouts) {
        const found = correctlyRead(written, read);
        if (found.correct !== countedOneByOne(written, read) || found.total !== written.size)
          expect.fail(`${written.id} read as ${read.id}: ${JSON.stringify(found)}`);
      }
    }
  });

  it('counts layouts of four dimensions whose digits do not nest', () => {
    const a = custom('(a0 a1:2) (b0 b1:3) (c) (d) -> b0 a0 d c a1 b1', [4, 6, 5, 7]);
    const b = custom('(a) (b0 b1:2) (c) (d) -> d b0 a b1 c', [4, 6, 5, 7]);
    expect(correctlyRead(a, b)).toEqual({ correct: countedOneByOne(a, b), total: 840 });
  });

  it('answers for two billion elements in milliseconds', () => {
    const shape = [128, 5760, 2880];
    const [E, N, K] = [128, 5760, 2944];
    const start = performance.now();
    const found = correctlyRead(
      shuffleWeightGuinterleave([E, N, K], { bits: 4, gateUp: true }),
      shuffleWeight([E, N, K], { bits: 4 }),
    );
    const swapped = correctlyRead(gateUpInterleaved(shape), rowMajor(shape));
    const took = performance.now() - start;
    // The first block of gate rows and the last of up rows are right; of interleaved rows the first and the last.
    expect(found).toEqual({ correct: E * 32 * K, total: E * N * K });
    expect(swapped).toEqual({ correct: 128 * 2 * 2880, total: 128 * 5760 * 2880 });
    expect(took).toBeLessThan(250);
  });

  it('refuses layouts of different shapes', () =>
    expect(() => correctlyRead(rowMajor([2, 3]), rowMajor([3, 2]))).toThrow(
      'layouts row-major [2, 3] and row-major [3, 2] are bound to different shapes; bind both to one.',
    ));
});

/** What the digits say that a reader gets, or undefined for padding and beyond the end. */
function readByDigits(digits: readonly ReadDigit[], written: Layout, asked: readonly number[]) {
  const got = asked.map(() => 0);
  for (const digit of digits) {
    const value = Math.floor((asked[digit.asked.axis] as number) / digit.asked.place) % digit.size;
    if (digit.got === undefined) {
      if (value !== 0) return undefined;
    } else got[digit.got.axis] = (got[digit.got.axis] as number) + value * digit.got.place;
  }
  return got.every((index, axis) => index < (written.shape[axis] as number)) ? got : undefined;
}

describe('readDigits', () => {
  it.each(SHAPES)('gives what readAs gives for every pair of layouts of %j, %d bits', (shape, bits) => {
    const layouts = layoutsOf(shape, bits);
    const size = shape.reduce((product, count) => product * count, 1);
    let nested = 0;
    for (const written of layouts) {
      for (const read of layouts) {
        const digits = readDigits(written, read);
        if (digits === undefined) continue;
        nested += 1;
        const gets = readAs(written, read);
        for (let index = 0; index < size; index += 3) {
          const asked = unravel(index, shape);
          if (String(readByDigits(digits, written, asked)) !== String(gets(asked)))
            expect.fail(`${written.id} read as ${read.id} at [${asked.join(', ')}]`);
        }
      }
    }
    expect(nested).toBeGreaterThanOrEqual(layouts.length);
  });

  it('tells the rows that change places when gate and up are confused', () =>
    expect(
      readDigits(shuffleWeightGuinterleave([1, 128, 128], { gateUp: true }), shuffleWeight([1, 128, 128])),
    ).toEqual([
      { size: 4, asked: { axis: 1, place: 32 }, got: { axis: 1, place: 16 } },
      { size: 2, asked: { axis: 1, place: 16 }, got: { axis: 1, place: 64 } },
      { size: 16, asked: { axis: 1, place: 1 }, got: { axis: 1, place: 1 } },
      { size: 128, asked: { axis: 2, place: 1 }, got: { axis: 2, place: 1 } },
    ]));

  it('joins digits into whole dimensions where nothing moves', () =>
    expect(readDigits(shuffleWeight([64, 128]), shuffleWeight([64, 128]))).toEqual([
      { size: 64, asked: { axis: 0, place: 1 }, got: { axis: 0, place: 1 } },
      { size: 128, asked: { axis: 1, place: 1 }, got: { axis: 1, place: 1 } },
    ]));

  it('knows what lies beyond the end', () => {
    const written = shuffleScaleGuinterleave([64, 8], { experts: 1, gateUp: false });
    const read = shuffleScale([64, 8]);
    expect(read.storageSize).toBe(4 * written.storageSize);
    const digits = readDigits(written, read) ?? [];
    for (const coord of everyCoord([64, 8])) expect(readByDigits(digits, written, coord)).toEqual(coord);
  });

  it('is undefined where places do not nest', () =>
    expect(readDigits(scaleColumnMajor([5, 7]), scaleRowMajor([5, 7]))).toBeUndefined());
});
