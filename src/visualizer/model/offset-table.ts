import type { Layout } from '../../layout/index.ts';

/*
 * What a storage offset's digits add up to, such as the index of a dimension, is a sum: each digit contributes by itself. So an offset
 * that is cut between digits, `high * cut + low`, has the sum of its parts, and three small tables answer for any tensor.
 */

/** Tables larger than this cost more to fill than they save. */
const LARGEST = 2 ** 18;

/** A sum over the digits of a storage offset. */
export interface OffsetTable {
  at(offset: number): number;
}

/**
 * @param sum a function of storage offsets that adds up over the layout's digits and over parts of them: 17 in a digit of 64 counts as
 * much as 16 and 1
 * @post `offsetTable(layout, sum).at(o)` equals `sum(o)` for every offset below `storageSize`
 */
export function offsetTable(layout: Layout, sum: (offset: number) => number): OffsetTable {
  return digitTable(layout, sum, 'split') ?? { at: sum };
}

/**
 * As `offsetTable`, for a sum that may add up over whole digits only.
 * @returns undefined where a digit is too large for a table
 */
export function digitTable(
  layout: Layout,
  sum: (offset: number) => number,
  digits: 'whole' | 'split' = 'whole',
): OffsetTable | undefined {
  const cuts = cutsOf(layout, digits);
  return cuts === undefined ? undefined : new ThreeTables(cuts, layout.storageSize, sum);
}

class ThreeTables implements OffsetTable {
  readonly #low: number;
  readonly #high: number;
  readonly #lows: Float64Array;
  readonly #middles: Float64Array;
  readonly #highs: Float64Array;

  constructor([low, high]: readonly [number, number], size: number, sum: (offset: number) => number) {
    const table = (count: number, step: number): Float64Array =>
      Float64Array.from({ length: count }, (_, index) => sum(index * step));
    this.#low = low;
    this.#high = high;
    this.#lows = table(low, 1);
    this.#middles = table(high / low, low);
    this.#highs = table(size / high, high);
  }

  at(offset: number): number {
    // Quotients are below the tables' lengths, so cutting off the fraction as integers do is a floor, and faster than one.
    const high = (offset / this.#high) | 0;
    const rest = offset - high * this.#high;
    const middle = (rest / this.#low) | 0;
    const low = (rest - middle * this.#low) | 0;
    return (this.#highs[high] as number) + (this.#middles[middle] as number) + (this.#lows[low] as number);
  }
}

/** The two cuts between digits that make the largest of the three tables smallest; undefined where it stays too large. */
function cutsOf(layout: Layout, digits: 'whole' | 'split'): readonly [number, number] | undefined {
  const cuts = [...digitBounds(layout, digits)].sort((a, b) => a - b);
  let best: readonly [number, number] | undefined;
  let least = LARGEST + 1;
  for (const low of cuts) {
    for (const high of cuts) {
      if (high % low !== 0) continue;
      const largest = Math.max(low, high / low, layout.storageSize / high);
      if (largest < least) {
        least = largest;
        best = [low, high];
      }
    }
  }
  return best;
}

/** Offsets at which a digit begins, and those at which it may be split: a digit of 4096 is one of 64 and one of 64. */
function digitBounds(layout: Layout, digits: 'whole' | 'split'): ReadonlySet<number> {
  const bounds = new Set([1, layout.storageSize]);
  for (const { factors } of layout.dims) {
    for (const { size, stride } of factors) {
      bounds.add(stride);
      for (let part = 2; digits === 'split' && part * part <= size; part += 1) {
        if (size % part !== 0) continue;
        bounds.add(stride * part);
        bounds.add(stride * (size / part));
      }
    }
  }
  return bounds;
}
