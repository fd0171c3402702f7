/** Where the series for the normal distribution gives way to the continued fraction. */
const TAIL = 2.25;

/** Enough levels of the continued fraction for float64 precision from TAIL on. */
const LEVELS = 90;

/**
 * The normal distribution function `(1 + erf(x / sqrt(2))) / 2`, with a relative error below 2^-45 for results above 2^-1000.
 *
 * Series `1/2 + phi(x) * (x + x^3 / 3 + x^5 / 15 + …)` near 0, the continued fraction `phi(x) / (x + 1 / (x + 2 / (x + …)))` of
 * the tail beyond (Abramowitz and Stegun 26.2.11 and 26.2.14). NaN stays NaN.
 */
export function normalDistribution(x: number): number {
  if (Number.isNaN(x)) return x;
  const distance = Math.abs(x);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (distance < TAIL) return 0.5 + density * series(x);
  const tail = density / fraction(distance);
  return x < 0 ? tail : 1 - tail;
}

function series(x: number): number {
  let term = x;
  let sum = x;
  for (let odd = 3; Math.abs(term) > 2 ** -60 * Math.abs(sum); odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return sum;
}

function fraction(x: number): number {
  let value = x;
  for (let level = LEVELS; level > 0; level -= 1) value = x + level / value;
  return value;
}
