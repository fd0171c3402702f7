import { expect, it } from 'vitest';
import { logitsDiff } from '../../src/golden/logits-diff.ts';

it.each([
  [[1, 2, 3], [1, 2, 3], 0],
  [[1, 2], [-1, -2], 2],
  [[1, 0], [0, 1], 1],
  [[0, 0], [0, 0], 0],
  [[2], [1], 0.2],
])('%j and %j differ by %d', (x, y, expected) => expect(logitsDiff(x, y)).toBeCloseTo(expected, 15));

it('does not hide a NaN', () => expect(logitsDiff([1, Number.NaN], [1, 1])).toBeNaN());

it('needs as many values on both sides', () =>
  expect(() => logitsDiff([1], [1, 2])).toThrow('logitsDiff: parameter "y": has 2 values, expected 1, as many as x.'));
