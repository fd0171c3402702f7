import type { ErrorBound } from '../op.ts';
import { blocksAcross, rowGroups } from './groups.ts';

/** Half a unit in the last place of float32, relative: one rounding to nearest. */
export const UNIT: number = 2 ** -24;

/** A division or reciprocal square root that a GPU does not round correctly: within 2 ulp. */
export const APPROXIMATE: number = 4 * UNIT;

/** Smallest normal float32; a device may replace anything smaller by zero. */
export const MIN_NORMAL: number = 2 ** -126;

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
}

/**
 * What a correct float32 kernel may return for `scale = max(amax, floor) / max` and
 * `y = clamp(x * (1 / scale))` over groups along rows.
 */
export function groupQuantBound(
  source: UncertainRows,
  group: number,
  floor: number,
  max: number,
): { readonly y: ErrorBound; readonly scale: ErrorBound } {
  const { rows, columns, exact, own } = source;
  const across = blocksAcross(rowGroups(rows, columns, group));
  const y = emptyBound(rows * columns);
  const scale = emptyBound(rows * across);
  for (let row = 0; row < rows; row += 1) {
    const shared = source.shared[row] as number;
    for (let index = 0; index < across; index += 1) {
      const from = row * columns + index * group;
      const to = row * columns + Math.min(columns, (index + 1) * group);
      const amax = largest(exact, from, to);
      const step = Math.max(amax, floor) / max;
      put(scale, row * across + index, step, step * (shared + own + APPROXIMATE + UNIT));
      // Where the floor decides, the scale does not carry the shared error and cannot cancel it.
      const cancels = amax * (1 - shared - own) > floor;
      const relative = 2 * own + 2 * APPROXIMATE + 2 * UNIT + (cancels ? 0 : shared);
      for (let at = from; at < to; at += 1) {
        const ratio = (exact[at] as number) / step;
        const error = Math.abs(ratio) * relative + (source.flushed[at - row * columns] as number) / step;
        put(y, at, Math.min(max, Math.max(-max, ratio)), error);
      }
    }
  }
  return { y, scale };
}

export function emptyBound(size: number): { readonly exact: Float64Array; readonly error: Float64Array } {
  return { exact: new Float64Array(size), error: new Float64Array(size) };
}

/** Beyond the range of float64 and for NaN there is no neighbourhood to speak of. */
export function put(bound: ErrorBound, at: number, exact: number, error: number): void {
  bound.exact[at] = exact;
  bound.error[at] = Number.isFinite(exact) && !Number.isNaN(error) ? error : 0;
}

/** The largest magnitude; NaN when there is one. */
function largest(values: Float64Array, from: number, to: number): number {
  let result = 0;
  for (let index = from; index < to; index += 1) result = Math.max(result, Math.abs(values[index] as number));
  return result;
}
