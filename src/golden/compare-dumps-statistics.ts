import type { Tensor } from '../tensor/tensor.ts';
import { elementReader } from './codes.ts';
import { ulpReader } from './compare-tolerance.ts';
import { logitsDiffOfSums } from './logits-diff.ts';

/** Distances up to here are counted one by one; larger ones by their first three digits, rounded up. */
const EXACT_ULP = 65536;

/** What a comparison says of two tensors beside whether they agree. Sums are over elements that are finite on both sides. */
export interface DumpStatistics {
  /** Largest distance in units in the last place of the narrower format; null where it has no meaning. */
  readonly maxUlp: number | null;
  /** 99 of 100 elements are at most this far away. Exact up to 65536, above rounded up to three digits. */
  readonly p99Ulp: number | null;
  /** AITER's `1 - 2 sum(a b) / sum(a^2 + b^2)`. */
  readonly logitsDiff: number;
  /** `sum((a - b)^2) / sum(b^2)`; infinite when the reference is zero and the tensor is not. */
  readonly nmse: number;
  /** `-10 log10(nmse)`; infinite for equal values. */
  readonly snrDb: number;
  /** Elements that are positive on one side and negative on the other. */
  readonly signFlips: number;
  /** Elements that are +0 on one side and -0 on the other. */
  readonly zeroSigns: number;
  readonly nan: SideCounts;
  readonly infinite: SideCounts;
}

/** Statistics, and what only the comparison itself needs. */
export interface CountedStatistics {
  readonly statistics: DumpStatistics;
  /** Elements of the same code in the narrower format, NaN by class. */
  readonly sameCode: number;
}

/** Elements of a kind in the tensor, in the reference, and at the same place in both. */
export interface SideCounts {
  readonly a: number;
  readonly b: number;
  readonly both: number;
}

/**
 * One pass over two tensors of one layout.
 * @param compared whether an element of storage is logical
 */
export function dumpStatistics(a: Tensor, b: Tensor, compared: (offset: number) => boolean): CountedStatistics {
  const left = elementReader(a);
  const right = elementReader(b);
  const ulpAt = ulpReader(a, left, b, right);
  const ulps = new UlpHistogram();
  const nan = { a: 0, b: 0, both: 0 };
  const infinite = { a: 0, b: 0, both: 0 };
  let [product, squares, error, reference, signFlips, zeroSigns] = [0, 0, 0, 0, 0, 0];
  for (let offset = 0; offset < right.count; offset += 1) {
    if (!compared(offset)) continue;
    const x = left.value(offset);
    const y = right.value(offset);
    const ulp = ulpAt(offset);
    if (ulp !== undefined) ulps.add(ulp);
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      tally(nan, Number.isNaN(x), Number.isNaN(y));
      tally(infinite, Math.abs(x) === Number.POSITIVE_INFINITY, Math.abs(y) === Number.POSITIVE_INFINITY);
      continue;
    }
    product += x * y;
    squares += x * x + y * y;
    error += (x - y) * (x - y);
    reference += y * y;
    if ((x > 0 && y < 0) || (x < 0 && y > 0)) signFlips += 1;
    if (x === 0 && y === 0 && !Object.is(x, y)) zeroSigns += 1;
  }
  const nmse = error === 0 ? 0 : error / reference;
  const statistics = {
    maxUlp: ulps.max,
    p99Ulp: ulps.quantile(0.99),
    logitsDiff: logitsDiffOfSums(product, squares),
    nmse,
    snrDb: -10 * Math.log10(nmse),
    signFlips,
    zeroSigns,
    nan,
    infinite,
  };
  return { statistics, sameCode: ulps.zeros + nan.both };
}

function tally(counts: { a: number; b: number; both: number }, inA: boolean, inB: boolean): void {
  if (inA) counts.a += 1;
  if (inB) counts.b += 1;
  if (inA && inB) counts.both += 1;
}

/** Counts of distances in bounded memory. */
class UlpHistogram {
  max: number | null = null;
  #total = 0;
  readonly #near = new Float64Array(EXACT_ULP + 1);
  readonly #far = new Map<number, number>();

  get zeros(): number {
    return this.#near[0] as number;
  }

  add(ulp: number): void {
    this.#total += 1;
    if (this.max === null || ulp > this.max) this.max = ulp;
    if (ulp <= EXACT_ULP) this.#near[ulp]! += 1;
    else {
      const step = 10 ** (Math.floor(Math.log10(ulp)) - 2);
      const rounded = Math.ceil(ulp / step) * step;
      this.#far.set(rounded, (this.#far.get(rounded) ?? 0) + 1);
    }
  }

  quantile(share: number): number | null {
    if (this.max === null) return null;
    const needed = Math.ceil(share * this.#total);
    let seen = 0;
    for (let ulp = 0; ulp <= EXACT_ULP; ulp += 1) {
      seen += this.#near[ulp] as number;
      if (seen >= needed) return ulp;
    }
    for (const [ulp, count] of [...this.#far].sort(([x], [y]) => x - y)) {
      seen += count;
      if (seen >= needed) return Math.min(ulp, this.max);
    }
    return this.max;
  }
}

/** The least tolerances that would pass, each with the others as they are; null where none would. */
export interface SmallestTolerance {
  readonly rtol: number | null;
  readonly atol: number | null;
  readonly ulp: number | null;
}

/** One pass; rounded up to three digits, so that what is printed passes. */
export function smallestTolerance(
  a: Tensor,
  b: Tensor,
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
  compared: (offset: number) => boolean,
): SmallestTolerance {
  const left = elementReader(a);
  const right = elementReader(b);
  const ulpAt = ulpReader(a, left, b, right);
  let needRtol = 0;
  let needAtol = 0;
  let needUlp: number | undefined = 0;
  for (let offset = 0; offset < right.count; offset += 1) {
    if (!compared(offset)) continue;
    const x = left.value(offset);
    const y = right.value(offset);
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return { rtol: null, atol: null, ulp: null };
    const difference = Math.abs(x - y);
    const magnitude = Math.abs(y);
    if (difference > atol) needRtol = Math.max(needRtol, (difference - atol) / magnitude);
    needAtol = Math.max(needAtol, difference - rtol * magnitude);
    const ulp = ulpAt(offset);
    if (ulp === undefined || needUlp === undefined) needUlp = undefined;
    else needUlp = Math.max(needUlp, ulp);
  }
  return {
    rtol: Number.isFinite(needRtol) ? roundUp(needRtol, atol === 0) : null,
    atol: roundUp(needAtol, rtol === 0),
    ulp: needUlp ?? null,
  };
}

/** @param exact whether the need was computed without rounding that could leave it a little too small */
function roundUp(value: number, exact: boolean): number {
  if (value === 0) return 0;
  const near = Number(value.toPrecision(3));
  const enough = exact ? near >= value : near > value * (1 + 1e-12);
  return enough ? near : Number((near + 10 ** (Math.floor(Math.log10(value)) - 2)).toPrecision(3));
}
