/** Ridge, as a share of a feature's variance: a feature that says nothing gets no weight. */
const RIDGE = 1e-3;
const ROUNDS = 60;

/** What a reading predicts of the sampled elements. */
export interface Prediction {
  /** Squared error of every element. */
  readonly errors: Float64Array;
  /** Squared error of the mean alone, less `errors`: what the reading's order is worth. */
  readonly gains: Float64Array;
  /** Share of the spread that is predicted, padding aside: about 0 without order, 1 at most. */
  readonly score: number;
  /** The same from one feature alone: its squared correlation with the elements, 0 where it is negative. */
  readonly shares: readonly number[];
}

/**
 * Predicts each element from its features, with weights that were fitted to the other half of the elements. No weight is negative:
 * likeness counts, regular unlikeness does not. Padding is predicted by its own mean.
 *
 * @param features `[n, width]`
 * @param isPadding 1 for what the reading takes for padding
 */
export function predict(
  values: Float64Array,
  features: Float64Array,
  width: number,
  isPadding: Uint8Array,
): Prediction {
  const errors = new Float64Array(values.length);
  const gains = new Float64Array(values.length);
  let spread = 0;
  let gained = 0;
  for (const fold of [0, 1]) {
    const model = fitted(values, features, width, isPadding, 1 - fold);
    for (let index = fold; index < values.length; index += 2) {
      const own = values[index] as number;
      if (isPadding[index] === 1) {
        errors[index] = (own - model.paddingMean) ** 2;
        continue;
      }
      let predicted = model.mean;
      for (let at = 0; at < width; at += 1)
        predicted +=
          (model.weights[at] as number) * ((features[index * width + at] as number) - (model.centres[at] as number));
      const error = (own - predicted) ** 2;
      const alone = (own - model.mean) ** 2;
      errors[index] = error;
      gains[index] = alone - error;
      spread += alone;
      gained += alone - error;
    }
  }
  const shares = correlations(values, features, width, isPadding);
  return { errors, gains, score: spread === 0 ? 0 : gained / spread, shares };
}

interface Model {
  readonly mean: number;
  readonly paddingMean: number;
  readonly centres: Float64Array;
  readonly weights: Float64Array;
}

/** Non-negative least squares by coordinate descent, on every second element from `fold` on. */
function fitted(
  values: Float64Array,
  features: Float64Array,
  width: number,
  isPadding: Uint8Array,
  fold: number,
): Model {
  const { mean, paddingMean, centres, count } = means(values, features, width, isPadding, fold, 2);
  const gram = new Float64Array(width * width);
  const target = new Float64Array(width);
  const row = new Float64Array(width);
  for (let index = fold; index < values.length; index += 2) {
    if (isPadding[index] === 1) continue;
    const own = (values[index] as number) - mean;
    for (let at = 0; at < width; at += 1) row[at] = (features[index * width + at] as number) - (centres[at] as number);
    for (let a = 0; a < width; a += 1) {
      target[a] = (target[a] as number) + (row[a] as number) * own;
      for (let b = 0; b < width; b += 1)
        gram[a * width + b] = (gram[a * width + b] as number) + (row[a] as number) * (row[b] as number);
    }
  }
  const weights = new Float64Array(width);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let a = 0; a < width; a += 1) {
      const own = gram[a * width + a] as number;
      if (own <= 1e-12 * count) continue;
      let rest = target[a] as number;
      for (let b = 0; b < width; b += 1) if (b !== a) rest -= (gram[a * width + b] as number) * (weights[b] as number);
      weights[a] = Math.max(0, rest / (own * (1 + RIDGE)));
    }
  }
  return { mean, paddingMean, centres, weights };
}

function means(
  values: Float64Array,
  features: Float64Array,
  width: number,
  isPadding: Uint8Array,
  first: number,
  step: number,
): { mean: number; paddingMean: number; centres: Float64Array; count: number } {
  const centres = new Float64Array(width);
  let mean = 0;
  let count = 0;
  let padding = 0;
  let paddings = 0;
  for (let index = first; index < values.length; index += step) {
    if (isPadding[index] === 1) {
      padding += values[index] as number;
      paddings += 1;
      continue;
    }
    mean += values[index] as number;
    for (let at = 0; at < width; at += 1)
      centres[at] = (centres[at] as number) + (features[index * width + at] as number);
    count += 1;
  }
  for (let at = 0; at < width; at += 1) centres[at] = (centres[at] as number) / Math.max(1, count);
  mean /= Math.max(1, count);
  return { mean, paddingMean: paddings === 0 ? mean : padding / paddings, centres, count };
}

function correlations(
  values: Float64Array,
  features: Float64Array,
  width: number,
  isPadding: Uint8Array,
): readonly number[] {
  const { mean, centres } = means(values, features, width, isPadding, 0, 1);
  const products = new Float64Array(width);
  const squares = new Float64Array(width);
  let spread = 0;
  for (let index = 0; index < values.length; index += 1) {
    if (isPadding[index] === 1) continue;
    const own = (values[index] as number) - mean;
    spread += own * own;
    for (let at = 0; at < width; at += 1) {
      const feature = (features[index * width + at] as number) - (centres[at] as number);
      products[at] = (products[at] as number) + feature * own;
      squares[at] = (squares[at] as number) + feature * feature;
    }
  }
  return Array.from(products, (sum, at) => {
    const scale = spread * (squares[at] as number);
    return sum <= 0 || scale === 0 ? 0 : (sum * sum) / scale;
  });
}

export function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Elements grouped into batches. */
export interface Batches {
  readonly of: Uint8Array;
  readonly count: number;
}

/** Fewer batches than these tell too little of their own spread. */
const FEWEST_BATCHES = 16;

/**
 * Mean in units of its standard error, for values that hang together: elements of one row or column share the estimate of its
 * magnitude. The error is the largest of the one for independent values and those from the given batches.
 */
export function meanInErrors(values: Float64Array, groupings: readonly Batches[]): number {
  const mean = meanOf(values);
  const size = values.length;
  if (mean === 0 || size < 2) return 0;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  let error = Math.sqrt(squares / (size * (size - 1)));
  for (const { of, count } of groupings) {
    if (count < FEWEST_BATCHES) continue;
    const sums = new Float64Array(count);
    for (let index = 0; index < size; index += 1) {
      const batch = of[index] as number;
      sums[batch] = (sums[batch] as number) + (values[index] as number) - mean;
    }
    const spread = sums.reduce((all, sum) => all + sum * sum, 0);
    error = Math.max(error, Math.sqrt((spread * count) / (count - 1)) / size);
  }
  return error === 0 ? 0 : mean / error;
}
