import { formatFacts } from '../../formats/facts.ts';
import { e8m0ToF32, mxScaleByte } from '../../formats/mx-scale.ts';
import type { ErrorBound } from '../op.ts';
import { blocksAcross, rowGroups } from './groups.ts';
import type { Fp8Format } from './groups-rules.ts';

/** Half a unit in the last place of float32, relative: one rounding to nearest. */
export const UNIT: number = 2 ** -24;

/** A division or reciprocal square root that a GPU does not round correctly: within 2 ulp. */
export const APPROXIMATE: number = 4 * UNIT;

/** Smallest normal float32; a device may replace anything smaller by zero. */
export const MIN_NORMAL: number = 2 ** -126;

/** Largest finite float32. */
export const F32_MAX: number = 2 ** 128 - 2 ** 104;

/** Rows of float values that are about to be quantised in groups, with what float32 arithmetic may have done to them. */
export interface UncertainRows {
  readonly rows: number;
  readonly columns: number;
  /** Exact values, row-major. */
  readonly exact: Float64Array;
  /** Relative error of each row's values that all of its elements share: it cancels in element / scale. */
  readonly shared: Float64Array;
  /** Relative error of each element on its own. */
  readonly own: number;
  /** Absolute error of each column's elements, from results that were flushed to zero. */
  readonly flushed: Float64Array;
  /** Absolute error of each element on its own, row-major, beside the relative one. Default: none. */
  readonly elements?: Float64Array;
}

/** The quantiser that follows. */
export interface GroupLimits {
  readonly group: number;
  /** amax is raised to this. */
  readonly floor: number;
  readonly format: Fp8Format;
  /** `clamp` keeps NaNs; `med3` does not count them in amax and turns them into -max. */
  readonly limit: 'clamp' | 'med3';
}

export interface GroupBounds {
  readonly y: ErrorBound;
  readonly scale: ErrorBound;
}

/**
 * What a correct float32 kernel may return for `scale = max(amax, floor) / max` and
 * `y = limit(x * (1 / scale))` over groups along rows.
 */
export function groupQuantBound(source: UncertainRows, limits: GroupLimits): GroupBounds {
  const { floor, format } = limits;
  const { max } = formatFacts(format);
  const { own } = source;
  return overGroups(source, limits, ({ index, row, from, to, amax }, y, scale) => {
    const shared = source.shared[row] as number;
    const step = Math.max(amax, floor) / max;
    // What amax itself may be off by, relative to the amax that counts.
    const uneven = source.elements === undefined ? 0 : maximum(source.elements, from, to) / Math.max(amax, floor);
    // Where the floor decides, the scale does not carry the error of the row and cannot cancel what its elements share.
    const inherited = amax * (1 + shared + own + uneven) <= floor ? 0 : shared + own + uneven;
    put(scale, index, step, step * (inherited + APPROXIMATE + UNIT));
    const cancels = amax * (1 - shared - own - uneven) > floor;
    const relative = 2 * own + uneven + 2 * APPROXIMATE + 2 * UNIT + (cancels ? 0 : shared);
    for (let at = from; at < to; at += 1) {
      const ratio = (source.exact[at] as number) / step;
      const absolute = (source.flushed[at - row * source.columns] as number) + (source.elements?.[at] ?? 0);
      put(y, at, limited(ratio, max, limits), Math.abs(ratio) * relative + (absolute / step) * (1 + relative));
    }
  });
}

/**
 * The same where the scale is the least power of two not below `max(amax, floor) / max`. Where amax lies within its error
 * of such a step, either scale may come out, and the codes of either.
 */
export function powerOfTwoQuantBound(source: UncertainRows, limits: GroupLimits): GroupBounds {
  const { floor, format } = limits;
  const { max } = formatFacts(format);
  const stepFor = (amax: number): number => e8m0ToF32(mxScaleByte(Math.max(amax, floor), format, 'RoundUp'));
  return overGroups(source, limits, ({ index, row, from, to, amax }, y, scale) => {
    const relative = (source.shared[row] as number) + source.own + APPROXIMATE + 2 * UNIT;
    const low = stepFor(amax * (1 - relative));
    const high = stepFor(amax * (1 + relative));
    put(scale, index, (low + high) / 2, (high - low) / 2);
    for (let at = from; at < to; at += 1) {
      const value = source.exact[at] as number;
      const error = Math.abs(value) * relative + (source.flushed[at - row * source.columns] as number);
      const ends = [(value - error) / low, (value - error) / high, (value + error) / low, (value + error) / high];
      const least = limited(Math.min(...ends), max, limits);
      const most = limited(Math.max(...ends), max, limits);
      put(y, at, (least + most) / 2, (most - least) / 2);
    }
  });
}

/** A group: its place among all groups, its row, its elements, and its largest magnitude. */
interface Group {
  readonly index: number;
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly amax: number;
}

type Sink = ReturnType<typeof emptyBound>;

function overGroups(
  source: UncertainRows,
  { group, limit }: GroupLimits,
  visit: (group: Group, y: Sink, scale: Sink) => void,
): GroupBounds {
  const { rows, columns, exact, own } = source;
  const across = blocksAcross(rowGroups(rows, columns, group));
  const y = emptyBound(rows * columns);
  const scale = emptyBound(rows * across);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0, index = row * across; column < columns; column += group, index += 1) {
      const from = row * columns + column;
      const to = row * columns + Math.min(columns, column + group);
      const amax = largest(exact, from, to, limit === 'med3');
      if (amax < Number.POSITIVE_INFINITY && amax * (1 + (source.shared[row] as number) + own) > F32_MAX) {
        // Finite, but float32 may make it infinite, and then zeros and NaNs of the rest.
        y.error.fill(Number.POSITIVE_INFINITY, from, to);
        scale.error[index] = Number.POSITIVE_INFINITY;
      } else {
        visit({ index, row, from, to, amax }, y, scale);
      }
    }
  }
  return { y, scale };
}

function limited(value: number, max: number, { limit }: GroupLimits): number {
  if (Number.isNaN(value)) return limit === 'med3' ? -max : value;
  return Math.min(max, Math.max(-max, value));
}

export function emptyBound(size: number): { readonly exact: Float64Array; readonly error: Float64Array } {
  return { exact: new Float64Array(size), error: new Float64Array(size) };
}

/** Beyond the range of float64 and for NaN there is no neighbourhood to speak of. */
export function put(bound: ErrorBound, at: number, exact: number, error: number): void {
  bound.exact[at] = exact;
  bound.error[at] = Number.isFinite(exact) && !Number.isNaN(error) ? error : 0;
}

function maximum(values: Float64Array, from: number, to: number): number {
  let result = 0;
  for (let index = from; index < to; index += 1) result = Math.max(result, values[index] as number);
  return result;
}

/** The largest magnitude. A NaN does not count, or is the result. */
function largest(values: Float64Array, from: number, to: number, ignoreNaN: boolean): number {
  let result = 0;
  for (let index = from; index < to; index += 1) {
    const magnitude = Math.abs(values[index] as number);
    if (!(ignoreNaN && Number.isNaN(magnitude))) result = Math.max(result, magnitude);
  }
  return result;
}
