import type { ErrorBound } from '../ops/op.ts';
import { isIntegerType } from '../tensor/element-type.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Expectation } from './check.ts';
import { type ElementReader, elementReader, roundTo, ulpDistance } from './codes.ts';
import { logicalIndexer } from './logical-index.ts';
import { MetricsBuilder, type TensorMetrics } from './metrics.ts';

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
}

/** Holds an op's output against a golden tensor. Both are in the same layout. */
export function compareTensors(actual: Tensor, expectation: Expectation, bound?: ErrorBound): Comparison {
  const { expected } = expectation;
  const metrics = new MetricsBuilder(actual, expected);
  const first =
    bound === undefined
      ? compareCodes(actual, expectation, metrics)
      : compareBound(actual, expectation, bound, metrics);
  const result = {
    output: expectation.output,
    tensor: expected.name,
    passed: first === undefined,
    metrics: metrics.finish(),
  };
  return first === undefined ? result : { ...result, first };
}

function compareCodes(actual: Tensor, expectation: Expectation, metrics: MetricsBuilder): Mismatch | undefined {
  const { expected, mask } = expectation;
  const a = elementReader(actual);
  const e = elementReader(expected);
  const floats = !isIntegerType(expected.type);
  const counts = comparedElements(expectation, e.count);
  let first: Mismatch | undefined;
  for (let offset = 0; offset < e.count; offset += 1) {
    if (!counts(offset)) continue;
    if (mask !== undefined && mask[offset] === 0) continue;
    const got = a.code(offset);
    const want = e.code(offset);
    const same = got === want || (floats && Number.isNaN(a.value(offset)) && Number.isNaN(e.value(offset)));
    metrics.add(
      a.value(offset),
      e.value(offset),
      got === want,
      same,
      got === want ? 0 : ulpDistance(expected.type, got, want),
    );
    if (!same) first ??= mismatch(offset, actual, a, expected, e);
  }
  return first;
}

function compareBound(
  actual: Tensor,
  expectation: Expectation,
  bound: ErrorBound,
  metrics: MetricsBuilder,
): Mismatch | undefined {
  const { expected } = expectation;
  const a = elementReader(actual);
  const e = elementReader(expected);
  const { rounding } = bound;
  const sameType = expected.type === actual.type;
  const logical = logicalIndexer(expected.layout);
  let first: Mismatch | undefined;
  for (let offset = 0; offset < e.count; offset += 1) {
    const index = logical(offset);
    if (index === undefined) continue;
    const exact = bound.exact[index] ?? Number.NaN;
    const error = bound.error[index] ?? 0;
    const low = roundTo(actual.type, exact - error, rounding);
    const high = roundTo(actual.type, exact + error, rounding);
    const got = a.value(offset);
    const want = e.value(offset);
    // Where something may overflow nothing is promised, not even a number.
    const open = error === Number.POSITIVE_INFINITY;
    const goldenHolds =
      open ||
      (sameType
        ? within(want, low, high)
        : within(want, exact - error * F64_REFERENCE_SLACK, exact + error * F64_REFERENCE_SLACK));
    const holds = open || (within(got, low, high) && goldenHolds);
    const equal = sameType && a.code(offset) === e.code(offset);
    metrics.add(
      got,
      want,
      equal,
      holds,
      sameType ? ulpDistance(actual.type, a.code(offset), e.code(offset)) : undefined,
    );
    metrics.addBound(boundShare(got, exact, error, (x) => roundTo(actual.type, x, rounding)));
    if (!holds && first === undefined) {
      const found = { ...mismatch(offset, actual, a, expected, e), allowed: [low, high] as const };
      first = goldenHolds ? found : { ...found, goldenOutsideBound: true };
    }
  }
  return first;
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

/** Which storage elements are held against the golden tensor: all that carry a logical element, and padding on request. */
function comparedElements(expectation: Expectation, count: number): (offset: number) => boolean {
  const { layout } = expectation.expected;
  if (expectation.padding === true || layout.size === count) return () => true;
  return (offset) => layout.coord(offset) !== undefined;
}

function mismatch(offset: number, actual: Tensor, a: ElementReader, expected: Tensor, e: ElementReader): Mismatch {
  const bytesPerElement = expected.bytes.byteLength / Math.max(1, e.count);
  const hex = (reader: ElementReader): string =>
    reader.digits === 16
      ? String(reader.value(offset))
      : `0x${reader.code(offset).toString(16).padStart(reader.digits, '0')}`;
  return {
    coord: actual.layout.coord(offset),
    offset,
    byte: Math.floor(offset * bytesPerElement),
    expected: { code: hex(e), value: e.value(offset) },
    actual: { code: hex(a), value: a.value(offset) },
  };
}
