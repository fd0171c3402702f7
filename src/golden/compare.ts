import { isIntegerType } from '../formats/element-type.ts';
import type { ErrorBound } from '../ops/op.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Expectation } from './check.ts';
import { elementReader, roundTo, ulpDistance } from './codes.ts';
import { comparedElements, type Findings, mismatch } from './compare-findings.ts';
import { compareTolerance, isTolerance, type Tolerance } from './compare-tolerance.ts';
import { logicalIndexer } from './logical-index.ts';
import { MetricsBuilder, type TensorMetrics } from './metrics.ts';
import { MismatchCollector } from './mismatch-collector.ts';
import { type MismatchMap, mismatchMap } from './mismatch-map.ts';

/**
 * A float64 reference adds up in an order of its own. It must agree with ours to this fraction of the float32 error,
 * which leaves 2^-40 of the sum of magnitudes: far below any float32 effect, far above float64 rounding.
 */
const F64_REFERENCE_SLACK = 2 ** -16;

/** One element that differs, in logical and in physical terms. */
export interface Mismatch {
  /** Logical coordinate; `undefined` when a padding element differs. */
  readonly coord: readonly number[] | undefined;
  /** Position in storage, in elements. */
  readonly offset: number;
  /** Byte of the tensor in which the element begins. */
  readonly byte: number;
  readonly expected: { readonly code: string; readonly value: number };
  readonly actual: { readonly code: string; readonly value: number };
  /** The values that the error bound admits, lowest and highest. */
  readonly allowed?: readonly [number, number];
  /** Set when the golden value itself lies outside the bound: then the file is wrong, not the backend. */
  readonly goldenOutsideBound?: boolean;
}

export interface Comparison {
  readonly output: string;
  /** Name of the golden tensor. */
  readonly tensor: string;
  readonly passed: boolean;
  readonly metrics: TensorMetrics;
  /** The first differing element in storage order. */
  readonly first?: Mismatch;
  /** Where the tensor differs; only when it does. */
  readonly map?: MismatchMap;
}

/**
 * Holds an op's output against a golden tensor. Both are in the same layout.
 * @param criterion what an output may be off; the same codes when left out
 * @param onMismatch is called with the storage offset of every element that differs, in order
 */
export function compareTensors(
  actual: Tensor,
  expectation: Expectation,
  criterion?: ErrorBound | Tolerance,
  onMismatch?: (offset: number) => void,
): Comparison {
  const { expected } = expectation;
  const metrics = new MetricsBuilder(actual, expected);
  const { found, compared, describe, ranked } =
    criterion === undefined
      ? compareCodes(actual, expectation, metrics)
      : isTolerance(criterion)
        ? compareTolerance(actual, expectation, criterion, metrics)
        : compareBound(actual, expectation, criterion, metrics);
  const result = { output: expectation.output, tensor: expected.name, metrics: metrics.finish() };
  const { failed, first } = found;
  if (onMismatch !== undefined)
    failed?.forEach((fails, offset) => {
      if (fails !== 0) onMismatch(offset);
    });
  if (failed === undefined || first === undefined) return { ...result, passed: true };
  const worst = found.worst.map(({ offset, severity }) => ({ ...describe(offset), [ranked]: severity }));
  const map = mismatchMap({ tensor: actual, names: expectation.dims, failed, compared, worst });
  return { ...result, passed: false, first: describe(first), map };
}

function compareCodes(actual: Tensor, expectation: Expectation, metrics: MetricsBuilder): Findings {
  const { expected, mask } = expectation;
  const a = elementReader(actual);
  const e = elementReader(expected);
  const floats = !isIntegerType(expected.type);
  const counts = comparedElements(expectation, e.count);
  const compared = (offset: number): boolean => counts(offset) && (mask === undefined || mask[offset] !== 0);
  const found = new MismatchCollector(e.count);
  for (let offset = 0; offset < e.count; offset += 1) {
    if (!compared(offset)) continue;
    const got = a.code(offset);
    const want = e.code(offset);
    const same = got === want || (floats && Number.isNaN(a.value(offset)) && Number.isNaN(e.value(offset)));
    const ulp = got === want ? 0 : ulpDistance(expected.type, got, want);
    metrics.add(a.value(offset), e.value(offset), got === want, same, ulp);
    if (!same) found.add(offset, ulp ?? Math.abs(a.value(offset) - e.value(offset)));
  }
  return { found, compared, describe: (offset) => mismatch(offset, actual, a, expected, e), ranked: 'ulp' };
}

function compareBound(actual: Tensor, expectation: Expectation, bound: ErrorBound, metrics: MetricsBuilder): Findings {
  const { expected } = expectation;
  const a = elementReader(actual);
  const e = elementReader(expected);
  const { rounding } = bound;
  const sameType = expected.type === actual.type;
  const logical = logicalIndexer(expected.layout);
  const found = new MismatchCollector(e.count);
  const round = (x: number): number => roundTo(actual.type, x, rounding);
  const exactAt = (index: number): number => bound.exact[index] ?? Number.NaN;
  const errorAt = (index: number): number => bound.error[index] ?? 0;
  const goldenError = (error: number): number => (sameType ? error : error * F64_REFERENCE_SLACK);
  const goldenWithin = (want: number, exact: number, error: number, low: number, high: number): boolean =>
    sameType ? within(want, low, high) : within(want, exact - goldenError(error), exact + goldenError(error));
  for (let offset = 0; offset < e.count; offset += 1) {
    const index = logical(offset);
    if (index === undefined) continue;
    const exact = exactAt(index);
    const error = errorAt(index);
    const low = round(exact - error);
    const high = round(exact + error);
    const got = a.value(offset);
    const want = e.value(offset);
    // Where something may overflow nothing is promised, not even a number.
    const open = error === Number.POSITIVE_INFINITY;
    const goldenHolds = open || goldenWithin(want, exact, error, low, high);
    const holds = open || (within(got, low, high) && goldenHolds);
    const equal = sameType && a.code(offset) === e.code(offset);
    metrics.add(
      got,
      want,
      equal,
      holds,
      sameType ? ulpDistance(actual.type, a.code(offset), e.code(offset)) : undefined,
    );
    metrics.addBound(boundShare(got, exact, error, round));
    if (!holds)
      found.add(offset, goldenHolds ? Math.abs(got - exact) / error : Math.abs(want - exact) / goldenError(error));
  }
  const describe = (offset: number): Mismatch => {
    const index = logical(offset) as number;
    const [exact, error] = [exactAt(index), errorAt(index)];
    const [low, high] = [round(exact - error), round(exact + error)];
    const element = { ...mismatch(offset, actual, a, expected, e), allowed: [low, high] as const };
    return goldenWithin(e.value(offset), exact, error, low, high) ? element : { ...element, goldenOutsideBound: true };
  };
  return { found, compared: (offset) => logical(offset) !== undefined, describe, ranked: 'ofBound' };
}

/**
 * How much of the allowed error a result needs, 0..1 and more when it fails: the least t for which it lies between
 * `round(exact - t * error)` and `round(exact + t * error)`. 0 for the correctly rounded exact value.
 */
function boundShare(got: number, exact: number, error: number, round: (x: number) => number): number {
  const fits = (t: number): boolean => within(got, round(exact - t * error), round(exact + t * error));
  if (error === Number.POSITIVE_INFINITY || fits(0) || Number.isNaN(exact)) return 0;
  if (!fits(1)) return Math.abs(got - exact) / error;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 12; step += 1) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** NaN lies within NaN bounds only: a result may neither lose nor invent one. */
function within(value: number, low: number, high: number): boolean {
  if (Number.isNaN(low) || Number.isNaN(high)) return Number.isNaN(value);
  return value >= low && value <= high;
}
