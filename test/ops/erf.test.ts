import { expect, it } from 'vitest';
import { normalDistribution } from '../../src/ops/shared/erf.ts';

/** From mpmath with 40 digits, rounded to float64. */
const KNOWN: readonly (readonly [number, number])[] = [
  [-30, 4.906713927148187e-198],
  [-10, 7.619853024160525e-24],
  [-5, 2.866515718791939e-7],
  [-2.3, 0.01072411002167581],
  [-2.2, 0.013903447513498604],
  [-1, 0.15865525393145705],
  [0, 0.5],
  [0.5, 0.6914624612740131],
  [1, 0.8413447460685429],
  [2.3, 0.9892758899783242],
  [6, 0.9999999990134123],
];

it.each(KNOWN)('the normal distribution at %f', (x, expected) => {
  expect(Math.abs(normalDistribution(x) / expected - 1)).toBeLessThan(2 ** -45);
});

it('ends at 0 and 1, and keeps NaN', () => {
  expect(normalDistribution(Number.NEGATIVE_INFINITY)).toBe(0);
  expect(normalDistribution(Number.POSITIVE_INFINITY)).toBe(1);
  expect(normalDistribution(Number.NaN)).toBeNaN();
});

it('joins the series and the tail', () => {
  for (const x of [2.25, -2.25]) {
    const [below, above] = [normalDistribution(x * (1 - 2 ** -52)), normalDistribution(x)];
    expect(Math.abs(below / above - 1)).toBeLessThan(2 ** -44);
  }
});
