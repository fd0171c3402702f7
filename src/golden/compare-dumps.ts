import { type ElementType, elementBits } from '../formats/element-type.ts';
import { permute } from '../layout/permute.ts';
import type { ErrorBound } from '../ops/op.ts';
import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compareTensors } from './compare.ts';
import {
  type DumpStatistics,
  dumpStatistics,
  type SmallestTolerance,
  smallestTolerance,
} from './compare-dumps-statistics.ts';
import { type Dump, type ReadDumpOptions, readDumps } from './compare-dumps-tensor.ts';
import { comparedElements } from './compare-findings.ts';
import { defaultTolerance, narrowerFormat, type Tolerance } from './compare-tolerance.ts';
import type { TensorMetrics } from './metrics.ts';
import type { MismatchMap } from './mismatch-map.ts';

/** How far a tensor may be from its reference. What is not given is the default of the narrower format. */
export interface CompareDumpsOptions extends ReadDumpOptions {
  readonly rtol?: number;
  readonly atol?: number;
  /** Also accept this many units in the last place. Given alone, rtol and atol are 0. */
  readonly ulp?: number;
}

/** What was held against what, and by which rule. */
export interface DumpCriterion {
  /** `codes`: the same bits, NaN by class. `tolerance`: by value. `bound`: within the error bound of an op. */
  readonly kind: 'codes' | 'tolerance' | 'bound';
  readonly rtol: number | null;
  readonly atol: number | null;
  readonly ulp: number | null;
  /** One line for people, the policy on NaN, infinities and -0 included. */
  readonly text: string;
}

/** One element that does not hold, on both sides. */
export interface DumpElement {
  /** Logical coordinate. */
  readonly coord: readonly number[];
  readonly a: { readonly code: string; readonly value: number; readonly byte: number };
  readonly b: { readonly code: string; readonly value: number; readonly byte: number };
  /** Values that the error bound admits. */
  readonly allowed?: readonly [number, number];
  /** Set when the reference itself lies outside the error bound. */
  readonly referenceOutsideBound?: boolean;
  /** Error as a multiple of the allowed one. */
  readonly ofTolerance?: number;
  readonly ulp?: number;
}

/** A tensor held against its reference. `equal` counts elements of the same code; of two formats, of the same code once both are rounded to the narrower. */
export interface DumpComparison extends Omit<TensorMetrics, 'maxUlp' | 'boundUsed'>, DumpStatistics {
  readonly name: string;
  readonly passed: boolean;
  readonly a: { readonly type: ElementType; readonly layout: string };
  readonly b: { readonly type: ElementType; readonly layout: string };
  readonly shape: readonly number[];
  readonly criterion: DumpCriterion;
  /** Format in which ULPs are counted; null where they have no meaning. */
  readonly ulpFormat: ElementType | null;
  /** Largest share of the tolerance or the bound that an element needs; above 1 when it fails; null where codes are compared. */
  readonly used: number | null;
  /** Only where it failed, and by no error bound. */
  readonly smallest?: SmallestTolerance;
  /** At most five, the worst first. */
  readonly worst: readonly DumpElement[];
  /** Sentences on where all mismatches lie. */
  readonly skew: readonly string[];
  readonly map?: MismatchMap;
}

const POLICY = 'NaN equals NaN only, an infinity the same infinity';

/**
 * Holds a tensor against a reference of the same logical shape. The two may be of different types and in different layouts.
 * @throws DumpError where the two cannot be compared, ShapeRejectedError and NotationError for a layout
 */
export function compareDumps(a: Dump, b: Dump, options: CompareDumpsOptions = {}): DumpComparison {
  const [left, right] = readDumps(a, b, options);
  const tolerance = toleranceOf(left.type, right.type, options);
  const exact = tolerance.rtol === 0 && tolerance.atol === 0 && tolerance.ulp === undefined;
  const narrow = narrowerFormat(left.type, right.type);
  if (exact && left.type === right.type) {
    const text = `the same codes; NaN codes by class, -0 differs from +0`;
    return comparison(left, right, undefined, { kind: 'codes', rtol: 0, atol: 0, ulp: null, text });
  }
  return comparison(left, right, tolerance, {
    kind: 'tolerance',
    rtol: tolerance.rtol,
    atol: tolerance.atol,
    ulp: tolerance.ulp ?? null,
    text: exact ? `the same values; ${POLICY}, -0 equals +0` : toleranceText(tolerance, narrow),
  });
}

/** Holds an op's output and a reference for it against the op's error bound. Both must be of one logical shape. */
export function compareWithBound(a: Tensor, b: Tensor, bound: ErrorBound, op: string): DumpComparison {
  return comparison(a, b, bound, {
    kind: 'bound',
    rtol: null,
    atol: null,
    ulp: null,
    text: `within the float32 error bound of ${op}; the reference is held to it too`,
  });
}

function toleranceOf(a: ElementType, b: ElementType, { rtol, atol, ulp }: CompareDumpsOptions): Tolerance {
  const fallback = ulp === undefined ? defaultTolerance(a, b) : { rtol: 0, atol: 0 };
  const values = { rtol: rtol ?? fallback.rtol, atol: atol ?? fallback.atol };
  return ulp === undefined ? values : { ...values, ulp };
}

function toleranceText({ rtol, atol, ulp }: Tolerance, narrow: ElementType | undefined): string {
  const near = rtol === 0 && atol === 0 ? [] : [`|a - b| <= ${atol} + ${rtol} |b|`];
  const far = ulp === undefined ? [] : [`at most ${ulp} ULP${narrow === undefined ? '' : ` of ${narrow}`}`];
  return `${[...near, ...far].join(' or ')}; ${POLICY}, -0 equals +0`;
}

function comparison(
  a: Tensor,
  b: Tensor,
  criterion: Tolerance | ErrorBound | undefined,
  described: DumpCriterion,
): DumpComparison {
  const moved = a.layout.equals(b.layout)
    ? tensor(a.name, a.type, b.layout, a.bytes)
    : tensor(a.name, a.type, b.layout, permute(a.bytes, a.layout, b.layout, elementBits(a.type)));
  const expectation = { output: a.name, expected: b, compare: criterion === undefined ? 'exact' : 'bound' } as const;
  const compared = comparedElements(expectation, b.layout.storageSize);
  const { passed, metrics, map } = compareTensors(moved, expectation, criterion);
  const { maxUlp: _, boundUsed, ...rest } = metrics;
  const { statistics, sameCode } = dumpStatistics(moved, b, compared);
  const byCode = a.type === b.type || statistics.maxUlp === null;
  const worst = (map?.worst ?? []).map(
    ({ coord = [], expected, actual, allowed, goldenOutsideBound, ofBound, ulp }) => ({
      coord,
      a: { ...actual, byte: byteOf(a, coord) },
      b: { ...expected, byte: byteOf(b, coord) },
      ...(allowed === undefined ? {} : { allowed }),
      ...(goldenOutsideBound === true ? { referenceOutsideBound: true } : {}),
      ...(ofBound === undefined ? {} : { ofTolerance: ofBound }),
      ...(ulp === undefined ? {} : { ulp }),
    }),
  );
  const { rtol, atol } = described;
  const wanted = !passed && rtol !== null && atol !== null;
  return {
    name: b.name,
    passed,
    a: { type: a.type, layout: a.layout.id },
    b: { type: b.type, layout: b.layout.id },
    shape: b.layout.shape,
    criterion: described,
    ...rest,
    equal: byCode ? rest.equal : sameCode / rest.elements,
    ...statistics,
    ulpFormat: statistics.maxUlp === null ? null : (narrowerFormat(a.type, b.type) ?? null),
    used: boundUsed,
    ...(wanted ? { smallest: smallestTolerance(moved, b, { rtol, atol }, compared) } : {}),
    worst,
    skew: map?.skew.map(({ text }) => text) ?? [],
    ...(map === undefined ? {} : { map }),
  };
}

/** Byte of a tensor in which the element of a coordinate begins. */
function byteOf({ type, layout }: Tensor, coord: readonly number[]): number {
  return Math.floor((layout.offset(coord) * elementBits(type)) / 8);
}
