import { describe, expect, it } from 'vitest';
import { busyExperts, mergeRoutes } from '../../src/minimize/routes.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asI32 } from '../../src/tensor/views.ts';

const ids = (...rows: readonly (readonly number[])[]): Tensor =>
  tensorFrom('topk_ids', 'i32', [rows.length, rows[0]?.length ?? 0], Int32Array.from(rows.flat()));
const merged = (given: Tensor, kept: readonly number[]): readonly number[] | undefined => {
  const left = mergeRoutes(given, kept, 6);
  return left && [...asI32(left)];
};

describe('routes', () => {
  it('names the experts that have tokens', () => {
    expect(busyExperts(ids([5, 2], [-1, 2], [9, 0]), 6)).toEqual([0, 2, 5]);
    expect(busyExperts(undefined, 6)).toEqual([]);
  });

  it('renumbers experts that stay', () => {
    expect(merged(ids([5, 2], [2, 3]), [2, 3, 5])).toEqual([2, 0, 0, 1]);
  });

  it('merges others into those that stay, so that the experts of a token stay distinct', () => {
    expect(merged(ids([5, 2], [2, 3], [0, 1]), [2, 5])).toEqual([1, 0, 0, 1, 0, 1]);
  });

  it('leaves a route to no expert', () => {
    expect(merged(ids([-1, 2], [6, 1]), [1, 2])).toEqual([-1, 1, -1, 0]);
  });

  it('gives up where a token has more routes than experts stay', () => {
    expect(merged(ids([5, 2]), [5])).toBeUndefined();
  });
});
