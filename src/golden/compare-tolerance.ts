import { type ElementType, isIntegerType } from '../formats/element-type.ts';
import { encode } from '../formats/encode.ts';
import { type FloatFormatName, formatFacts } from '../formats/facts.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Expectation } from './check.ts';
import { type ElementReader, elementReader, ulpMeter } from './codes.ts';
import { comparedElements, type Findings, mismatch } from './compare-findings.ts';
import type { MetricsBuilder } from './metrics.ts';
import { MismatchCollector } from './mismatch-collector.ts';

/**
 * What a value may be off: it holds when `|actual - expected| <= atol + rtol * |expected|`, or when it is at most `ulp` units in the
 * last place away. NaN equals NaN only, whatever its code; an infinity only the same infinity; -0 equals +0.
 */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /** Units in the last place of the narrower of the two formats. */
  readonly ulp?: number;
}

/** rtol and atol of torch.testing.assert_close; formats of 8 bits and fewer and integers have none, as there. */
const TORCH: Readonly<Partial<Record<ElementType, Tolerance>>> = {
  f64: { rtol: 1e-7, atol: 1e-7 },
  f32: { rtol: 1.3e-6, atol: 1e-5 },
  f16: { rtol: 1e-3, atol: 1e-5 },
  bf16: { rtol: 1.6e-2, atol: 1e-5 },
};

export function isTolerance(criterion: object): criterion is Tolerance {
  return 'rtol' in criterion;
}

/** The format with the coarser steps; `undefined` where one of them is an integer. */
export function narrowerFormat(a: ElementType, b: ElementType): ElementType | undefined {
  if (isIntegerType(a) || isIntegerType(b)) return undefined;
  return formatFacts(a).eps >= formatFacts(b).eps ? a : b;
}

/** The tolerance of the narrower of two formats, as torch.testing.assert_close has it; zero where it is to be exact. */
export function defaultTolerance(a: ElementType, b: ElementType): Tolerance {
  const narrow = narrowerFormat(a, b);
  return (narrow === undefined ? undefined : TORCH[narrow]) ?? { rtol: 0, atol: 0 };
}

/** Distance of two elements of one storage offset in units in the last place of the narrower format. */
export type UlpReader = (offset: number) => number | undefined;

/** @returns a reader that gives `undefined` where a distance has no meaning: NaN, integers, float64, e8m0 against others */
export function ulpReader(actual: Tensor, a: ElementReader, expected: Tensor, e: ElementReader): UlpReader {
  if (actual.type === expected.type) {
    const distance = ulpMeter(expected.type);
    return (offset) => distance(a.code(offset), e.code(offset));
  }
  const format = narrowerFormat(actual.type, expected.type);
  if (format === undefined || isIntegerType(format) || format === 'f64' || format === 'e8m0') return () => undefined;
  const { hasInfinity } = formatFacts(format);
  const distance = ulpMeter(format);
  const codeA = codeIn(format, hasInfinity, actual.type, a);
  const codeE = codeIn(format, hasInfinity, expected.type, e);
  const meaningless = (value: number): boolean => Number.isNaN(value) || (!Number.isFinite(value) && !hasInfinity);
  return (offset) =>
    meaningless(a.value(offset)) || meaningless(e.value(offset)) ? undefined : distance(codeA(offset), codeE(offset));
}

/** The code of an element in a format at least as narrow as its own. Not for NaN. */
function codeIn(
  format: FloatFormatName,
  hasInfinity: boolean,
  type: ElementType,
  reader: ElementReader,
): (offset: number) => number {
  if (type === format) return reader.code;
  if (type === 'f32' && format === 'bf16') {
    // The most common pair, and by far the quicker way: the upper half of the bits, rounded to nearest even.
    return (offset) => {
      const bits = reader.code(offset);
      return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    };
  }
  return (offset) => {
    const value = reader.value(offset);
    return encode(format, value, { saturate: Number.isFinite(value) && !hasInfinity });
  };
}

/** Compares by value, so that the two may be of different types. */
export function compareTolerance(
  actual: Tensor,
  expectation: Expectation,
  tolerance: Tolerance,
  metrics: MetricsBuilder,
): Findings {
  const { expected } = expectation;
  const { rtol, atol, ulp: limit } = tolerance;
  const a = elementReader(actual);
  const e = elementReader(expected);
  const sameType = actual.type === expected.type;
  const ulpAt = ulpReader(actual, a, expected, e);
  const compared = comparedElements(expectation, e.count);
  const found = new MismatchCollector(e.count);
  const byUlp = limit !== undefined || (rtol === 0 && atol === 0);
  for (let offset = 0; offset < e.count; offset += 1) {
    if (!compared(offset)) continue;
    const got = a.value(offset);
    const want = e.value(offset);
    const ulp = ulpAt(offset);
    const equal = sameType ? a.code(offset) === e.code(offset) : Object.is(got, want);
    const share = shareOfTolerance(got, want, rtol, atol);
    const holds = share <= 1 || (limit !== undefined && ulp !== undefined && ulp <= limit);
    metrics.add(got, want, equal, holds, sameType ? ulp : undefined);
    if (limit === undefined) metrics.addBound(share);
    if (!holds) found.add(offset, byUlp ? (ulp ?? Math.abs(got - want)) : share);
  }
  return {
    found,
    compared,
    describe: (offset) => mismatch(offset, actual, a, expected, e),
    ranked: byUlp ? 'ulp' : 'ofBound',
  };
}

/** The difference as a multiple of the allowed one: 0 for equal values, infinite where no tolerance would do. */
function shareOfTolerance(got: number, want: number, rtol: number, atol: number): number {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Number.POSITIVE_INFINITY;
  return Math.abs(got - want) / (atol + rtol * Math.abs(want));
}
