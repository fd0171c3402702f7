import { COMBINE, type Combine } from './block-scale-math.ts';

/**
 * The order in which a kernel scales the dot product P over all columns with the scales a of the row of x and b of the
 * row of w. `fl` is one rounding to float32, and P is the exact dot product rounded to float32.
 * - `exact`: float64, rounded once at the end.
 * - `ck`: `fl(fl(P*b)*a)`, the weight scale first.
 * - `flydsl`: `fl(P*fl(a*b))`.
 */
export type RowScaleMath = 'exact' | 'ck' | 'flydsl';

const fl = Math.fround;

/** Scales the one dot product of an element; without columns there is none, and the sum is zero. */
function once(scaled: (dot: number, a: number, b: number) => number): Combine {
  return ([dot], xScale, xStart, wScale, wStart) =>
    dot === undefined ? 0 : scaled(fl(dot), xScale[xStart] as number, wScale[wStart] as number);
}

export const ROW_SCALE_COMBINE: Readonly<Record<RowScaleMath, Combine>> = {
  exact: COMBINE.exact,
  ck: once((dot, a, b) => fl(fl(dot * b) * a)),
  flydsl: once((dot, a, b) => fl(dot * fl(a * b))),
};
