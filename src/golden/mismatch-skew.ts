/** How many elements were compared and differ, by index along one axis. */
export interface AxisCounts {
  /** Name of the dimension. */
  readonly name: string;
  readonly compared: Float64Array;
  readonly failed: Float64Array;
}

/** A fact about where all mismatches of a tensor lie. */
export interface Skew {
  /** Name of the dimension that it is about. */
  readonly axis: string;
  /** One sentence: `all 4096 mismatches have n mod 32 >= 16`. */
  readonly text: string;
  /** Share of the compared elements that the sentence admits, 0..1. The smaller, the more it says. */
  readonly covers: number;
}

/** Fewer mismatches than this fall into half of an axis by chance. */
const MIN_MISMATCHES = 16;
/** What a sentence may admit at most: half of the compared elements. */
const MAX_COVER = 0.5;
const PERIODS = [2, 4, 8, 16, 32, 64, 128, 256] as const;

/** A set of indices `lo <= index mod period < hi`. */
interface Candidate {
  readonly period: number;
  readonly lo: number;
  readonly hi: number;
}

/** A set of indices, and the share of the compared elements that it admits. Its period is the size of the axis for one range. */
export interface IndexSet extends Candidate {
  readonly covers: number;
}

/**
 * Sentences that hold for every mismatch and would be a surprise if mismatches did not depend on the index: at least 16 mismatches,
 * all of them in at most half of the compared elements. Tried along each axis, where it is long enough: one residue modulo
 * 2, 4, … 256; the lower or the upper half of each such period; one index; one range. At most one sentence for an axis, the one that
 * admits least (of equals the shorter period); the axis with the strictest sentence first.
 */
export function findSkews(axes: readonly AxisCounts[]): readonly Skew[] {
  return axes
    .map(skewOf)
    .filter((skew) => skew !== undefined)
    .sort((a, b) => a.covers - b.covers);
}

function skewOf(counts: AxisCounts): Skew | undefined {
  const { name, compared, failed } = counts;
  const mismatches = sum(failed);
  if (mismatches < MIN_MISMATCHES) return undefined;
  const best = tightestSet(counts);
  if (best === undefined) return undefined;
  return {
    axis: name,
    text: `all ${mismatches} mismatches have ${words(name, compared.length, best)}`,
    covers: best.covers,
  };
}

/**
 * The set of indices that holds every mismatch and admits least; of equals the shorter period.
 * @returns undefined where each set that is tried admits more than half of the compared elements
 */
export function tightestSet({ compared, failed }: Omit<AxisCounts, 'name'>): IndexSet | undefined {
  const total = sum(compared);
  const mismatches = sum(failed);
  let best: IndexSet | undefined;
  for (const candidate of mismatches === 0 ? [] : candidates(compared.length, failed)) {
    const covers = sumWhere(compared, candidate) / total;
    if (covers > MAX_COVER || covers >= (best?.covers ?? 1)) continue;
    if (sumWhere(failed, candidate) === mismatches) best = { ...candidate, covers };
  }
  return best;
}

/** Short periods first, so that of two sentences that admit the same the simpler one wins. The range comes last. */
function candidates(size: number, failed: Float64Array): readonly Candidate[] {
  const first = failed.findIndex((count) => count > 0);
  const last = failed.findLastIndex((count) => count > 0);
  const found: Candidate[] = [];
  // A period must come around twice, or the range says the same.
  for (const period of PERIODS.filter((length) => length * 2 <= size)) {
    const residue = first % period;
    found.push({ period, lo: residue, hi: residue + 1 });
    if (period > 2) found.push({ period, lo: 0, hi: period / 2 }, { period, lo: period / 2, hi: period });
  }
  found.push({ period: size, lo: first, hi: last + 1 });
  return found;
}

function words(name: string, size: number, { period, lo, hi }: Candidate): string {
  const index = period === size ? name : `${name} mod ${period}`;
  if (hi === lo + 1) return `${index} = ${lo}`;
  if (lo === 0) return `${index} < ${hi}`;
  if (hi === period) return `${index} >= ${lo}`;
  return `${lo} <= ${index} < ${hi}`;
}

function sumWhere(counts: Float64Array, { period, lo, hi }: Candidate): number {
  let total = 0;
  for (let start = 0; start < counts.length; start += period) total += sum(counts.subarray(start + lo, start + hi));
  return total;
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0);
}
