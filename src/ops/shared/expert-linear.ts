import { eachExpertRow } from './expert-weights.ts';
import { F32_MIN_NORMAL } from './gemm-bound.ts';
import type { MoeInput, ScaleJump, UncertainInput } from './moe-input.ts';
import { type MoeWeight, MX_BLOCK } from './moe-operands.ts';

/** The routes (`token * topk + slot`) of each expert. Routes to experts that do not exist are in no list. */
export type Routes = readonly (readonly number[])[];

export function routesByExpert(topkIds: Int32Array, experts: number): Routes {
  const routes: number[][] = Array.from({ length: experts }, () => []);
  topkIds.forEach((expert, route) => {
    routes[expert]?.push(route);
  });
  return routes;
}

/** A multiplication of routed rows of the input with the weights of their experts. */
export interface ExpertProduct<I extends MoeInput = MoeInput> {
  readonly input: I;
  /** Row of the input that a route reads. */
  readonly rowOf: (route: number) => number;
  readonly routes: Routes;
  /** Number of routes, dropped ones included. */
  readonly count: number;
  readonly weight: MoeWeight;
}

/**
 * `out[route, r] = sum_k input[rowOf(route), k] * weight[expert, r, k] + bias[expert, r]` in float64. Experts without routes are not
 * decoded; dropped routes stay 0.
 */
export function expertSums({ input, rowOf, routes, count, weight }: ExpertProduct): Float64Array {
  const { rows, columns } = weight;
  const out = new Float64Array(count * rows);
  eachExpertRow(weight, busy(routes), ({ expert, row, values, bias }) => {
    for (const route of routes[expert] ?? [])
      out[route * rows + row] = dot(input.values, rowOf(route) * columns, values) + bias;
  });
  return out;
}

export interface BoundedSums {
  readonly sums: Float64Array;
  /** `sum |input * weight| + |bias|`. */
  readonly magnitudes: Float64Array;
  /** What uncertain inputs may add or take away, absolute. */
  readonly spreads: Float64Array;
  /** Absolute error from results that a device flushed to zero; infinite where a step may overflow. */
  readonly extremes: Float64Array;
}

/** The sums, and what error bounds are made of. */
export function boundedSums(product: ExpertProduct<UncertainInput>): BoundedSums {
  const { input, rowOf, routes, count, weight } = product;
  const { rows, columns } = weight;
  const [sums, magnitudes, spreads, extremes] = [0, 1, 2, 3].map(() => new Float64Array(count * rows)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const jumps = jumpsByRow(input.jumps);
  eachExpertRow(weight, busy(routes), ({ expert, row, values, scale, bias }) => {
    for (const route of routes[expert] ?? []) {
      const source = rowOf(route);
      const at = route * rows + row;
      const magnitude = dotOfMagnitudes(input.values, source * columns, values) + Math.abs(bias);
      sums[at] = dot(input.values, source * columns, values) + bias;
      magnitudes[at] = magnitude;
      let spread = 0;
      if (input.spread !== undefined) {
        spread = dotOfMagnitudes(input.spread, source * columns, values);
        for (const jump of jumps.get(source) ?? []) spread += jumped(jump, input.spread, source * columns, values);
        spreads[at] = spread;
      }
      extremes[at] = extreme(columns, magnitude + spread, input.ceiling[source] as number, scale);
    }
  });
  return { sums, magnitudes, spreads, extremes };
}

function jumpsByRow(jumps: readonly ScaleJump[]): ReadonlyMap<number, readonly ScaleJump[]> {
  const byRow = new Map<number, ScaleJump[]>();
  for (const jump of jumps) byRow.set(jump.row, [...(byRow.get(jump.row) ?? []), jump]);
  return byRow;
}

/** Experts with routes. */
function busy(routes: Routes): readonly number[] {
  return routes.flatMap((own, expert) => (own.length === 0 ? [] : [expert]));
}

/**
 * Flushes of terms, partial sums, products of scales and codes, in units of the smallest normal number: fewer than 32 * 448 * 6 a
 * term, times what the other factor is at most.
 */
const FLUSHED_TERM = 2 ** 17 * F32_MIN_NORMAL;

const F32_MAX = 2 ** 128 - 2 ** 104;

/**
 * What becomes of a sum at the ends of the range of float32. A kernel may scale codes before or after it adds them up, so that a
 * result may be flushed or overflow on the way although it does neither in the end.
 */
function extreme(columns: number, magnitude: number, input: number, scale: number): number {
  // Integer dot products of a block: at most 32 * 448 * 6 (fp8), and input / 6 is at least the scale of the input.
  const largest = Math.max(magnitude, 2 ** 8 * input, 2 ** 17 * scale, 2 ** 8 * input * scale);
  // A magnitude that is infinite comes from infinite operands: these are no accident of the order.
  if (largest > F32_MAX && magnitude < Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  return Math.min(magnitude, columns * FLUSHED_TERM * (1 + input) * (1 + scale));
}

/** How much more a block can change the sum when its scale is another one. */
function jumped(jump: ScaleJump, spread: Float64Array, start: number, values: Float64Array): number {
  const first = jump.block * MX_BLOCK;
  let most = 0;
  let usual = 0;
  for (let k = 0; k < MX_BLOCK; k += 1)
    usual += (spread[start + first + k] as number) * Math.abs(values[first + k] as number);
  for (const { delta, spread: own } of jump.alternatives) {
    let sum = 0;
    let around = 0;
    for (let k = 0; k < MX_BLOCK; k += 1) {
      const value = values[first + k] as number;
      sum += (delta[k] as number) * value;
      around += (own[k] as number) * Math.abs(value);
    }
    most = Math.max(most, Math.abs(sum) + around - usual);
  }
  return most;
}

function dot(input: Float64Array, start: number, values: Float64Array): number {
  let even = 0;
  let odd = 0;
  for (let k = 0; k < values.length; k += 2) {
    even += (input[start + k] as number) * (values[k] as number);
    odd += (input[start + k + 1] as number) * (values[k + 1] as number);
  }
  return even + odd;
}

function dotOfMagnitudes(input: Float64Array, start: number, values: Float64Array): number {
  let even = 0;
  let odd = 0;
  for (let k = 0; k < values.length; k += 2) {
    even += Math.abs((input[start + k] as number) * (values[k] as number));
    odd += Math.abs((input[start + k + 1] as number) * (values[k + 1] as number));
  }
  return even + odd;
}
