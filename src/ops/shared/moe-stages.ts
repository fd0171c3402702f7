import type { ErrorBound } from '../op.ts';
import { activate, activationError, type GatedActivation } from './activation.ts';
import { boundedSums, type ExpertProduct, expertSums } from './expert-linear.ts';
import { F32_MIN_NORMAL, sumError } from './gemm-bound.ts';
import type { UncertainInput } from './moe-input.ts';

type Product = ExpertProduct<UncertainInput>;

/** Gate and up sums of every route, and the activation: h [T * topk, I]. */
export interface FirstStage {
  readonly product: Product;
  readonly activation: GatedActivation;
}

/** The exact h, before its rounding to bf16. Dropped routes are 0. */
export function firstStage({ product, activation }: FirstStage): Float64Array {
  const sums = expertSums(product);
  return activated(product, (gate, up) => activate(activation, sums[gate] as number, sums[up] as number));
}

export function firstStageBound({ product, activation }: FirstStage): ErrorBound {
  const { sums, magnitudes, extremes } = boundedSums(product);
  const gamma = sumError(product.weight.columns, 4);
  const off = (at: number): number => gamma * (magnitudes[at] as number) + (extremes[at] as number);
  const exact = activated(product, (gate, up) => activate(activation, sums[gate] as number, sums[up] as number));
  const error = activated(product, (gate, up) => {
    const [gateError, upError] = [off(gate), off(up)];
    if (gateError === Number.POSITIVE_INFINITY || upError === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return activationError(activation, sums[gate] as number, sums[up] as number, gateError, upError);
  });
  return settled(exact, error);
}

/** Applies a function of the indices of gate and up sums to every element of h [T * topk, I]. */
export function activated(
  { weight, routes, count }: Product,
  compute: (gate: number, up: number) => number,
): Float64Array {
  const inter = weight.rows / 2;
  const h = new Float64Array(count * inter);
  for (const route of routes.flat()) {
    const start = route * weight.rows;
    for (let i = 0; i < inter; i += 1) h[route * inter + i] = compute(start + i, start + inter + i);
  }
  return h;
}

/** Down sums of every route, and their weighted sum over the slots: y [T, H]. */
export interface SecondStage {
  readonly product: Product;
  readonly topk: number;
  readonly topkWeights: Float32Array;
}

/** The exact y, before its rounding to bf16. */
export function secondStage(stage: SecondStage): Float64Array {
  const perRoute = expertSums(stage.product);
  return weighted(stage, (weight, at) => weight * (perRoute[at] as number));
}

export function secondStageBound(stage: SecondStage): ErrorBound {
  const { product, topk } = stage;
  const { columns } = product.weight;
  const { sums, magnitudes, spreads, extremes } = boundedSums(product);
  const gamma = sumError(columns, topk + 6);
  const exact = weighted(stage, (weight, at) => weight * (sums[at] as number));
  const error = weighted(stage, (weight, at, route) => {
    if (product.input.open.has(route)) return Number.POSITIVE_INFINITY;
    const [magnitude, spread] = [magnitudes[at] as number, spreads[at] as number];
    const off = spread + gamma * (magnitude + spread) + (extremes[at] as number);
    if (off === Number.POSITIVE_INFINITY) return off;
    return Math.abs(weight) * off + F32_MIN_NORMAL * (2 + magnitude + spread);
  });
  return settled(exact, error);
}

/** `sum_s term(topk_weights[t, s], index of [t, s, n], route)`, dropped routes left out: y [T, H]. */
export function weighted(
  { product, topk, topkWeights }: SecondStage,
  term: (weight: number, at: number, route: number) => number,
): Float64Array {
  const { count, routes, weight } = product;
  const hidden = weight.rows;
  const y = new Float64Array((count / topk) * hidden);
  const routed = routes.flat().sort((a, b) => a - b);
  for (const route of routed) {
    const start = Math.floor(route / topk) * hidden;
    const factor = topkWeights[route] as number;
    for (let n = 0; n < hidden; n += 1)
      y[start + n] = (y[start + n] as number) + term(factor, route * hidden + n, route);
  }
  return y;
}

/** Infinite and NaN results have no neighbourhood, unless something may overflow on the way. */
function settled(exact: Float64Array, error: Float64Array): ErrorBound {
  const known = error.map((value, i) => {
    if (value === Number.POSITIVE_INFINITY || Number.isFinite(exact[i] as number)) return value;
    return 0;
  });
  return { exact, error: known.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)) };
}
