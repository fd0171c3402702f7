import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gridFor } from '../../../backends/webgpu/grid.ts';
import { PreshuffleError } from '../../../src/errors.ts';

const LIMITS = [1, 2, 3, 4, 7];

it('keeps a small grid in one dimension', () => {
  expect(gridFor(1, 65_535)).toEqual([1, 1, 1]);
  expect(gridFor(65_535, 65_535)).toEqual([65_535, 1, 1]);
});

it('folds a larger one', () => {
  expect(gridFor(65_536, 65_535)).toEqual([32_768, 2, 1]);
  expect(gridFor(65_535 ** 2, 65_535)).toEqual([65_535, 65_535, 1]);
  expect(gridFor(65_535 ** 2 + 1, 65_535)).toEqual([65_535, 32_768, 2]);
});

it('respects the limit and covers the work, for every number of workgroups of small devices', () => {
  for (const limit of LIMITS) {
    for (let workgroups = 1; workgroups <= limit ** 3; workgroups += 1) {
      const [x, y, z] = gridFor(workgroups, limit);
      expect(Math.max(x, y, z)).toBeLessThanOrEqual(limit);
      expect(x * y * z).toBeGreaterThanOrEqual(workgroups);
      // What the fold adds is less than a layer of rows.
      expect((x - 1) * y * z).toBeLessThan(workgroups);
    }
  }
});

it('respects the limit of real devices', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 48 - 2 ** 34 }), (workgroups) => {
      const [x, y, z] = gridFor(workgroups, 65_535);
      expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
      expect(x * y * z).toBeGreaterThanOrEqual(workgroups);
      expect((x - 1) * y * z).toBeLessThan(workgroups);
    }),
  );
});

it('says what does not fit', () => {
  expect(() => gridFor(28, 3)).toThrow(
    new PreshuffleError(
      'webgpu-grid',
      '28 workgroups do not fit a grid of 3 in each of three dimensions. Split the work.',
    ),
  );
  expect(gridFor(27, 3)).toEqual([3, 3, 3]);
});
