import { type CatalogEntry, checkShape } from './catalog-entries.ts';
import { axisIndexAt, digitSum, type LayoutDim } from './dim.ts';
import type { IdentifyHow, IdentifyStep } from './identify-types.ts';
import type { Layout } from './layout.ts';
import { relayoutAsLayout } from './mapping.ts';
import { rowMajor } from './plain.ts';

/** One way from the raw offset to the shuffled one: one step, or two. */
export interface Path {
  readonly steps: readonly IdentifyStep[];
  readonly how: IdentifyHow;
}

/** A layout of the catalog bound to a form of the shape. */
export type Bound = Pick<IdentifyStep, 'entry' | 'layout'>;

/**
 * Binds every layout that takes the shape, or the shape as layouts of stacked experts want it: `[E, N, K]` of a matrix of E N rows,
 * `[1, N, K]` of one matrix, `[E N, G]` for scales of `[E, N, G]`.
 */
export function bindAll(
  entries: readonly CatalogEntry[],
  shape: readonly number[],
  params: { readonly bits: number; readonly experts: number },
): readonly Bound[] {
  const { bits, experts } = params;
  const bound: Bound[] = [];
  for (const entry of entries) {
    const forms: { readonly shape: readonly number[]; readonly experts: number }[] = [{ shape, experts }];
    const [rows = 1, columns = 1] = shape;
    if (shape.length === 2 && rows % experts === 0) forms.push({ shape: [experts, rows / experts, columns], experts });
    if (shape.length > 2)
      forms.push({
        shape: [product(shape.slice(0, -1)), shape.at(-1) ?? 1],
        experts: product(shape.slice(0, -2)),
      });
    const found: Bound[] = [];
    for (const form of forms) {
      const verdict = checkShape(entry, form.shape, { bits, experts: form.experts });
      if (verdict.ok && !found.some(({ layout }) => samePlaces(layout, verdict.layout)))
        found.push({ entry, layout: verdict.layout });
    }
    bound.push(...found);
  }
  return bound;
}

export function single(bound: Bound, how: IdentifyStep['how']): Path {
  return { steps: [{ ...bound, how }], how };
}

export function pair(a: Bound, first: IdentifyStep['how'], b: Bound, second: IdentifyStep['how']): Path {
  const isTwice = a === b && first === 'direct' && second === 'direct';
  return {
    steps: [
      { ...a, how: first },
      { ...b, how: second },
    ],
    how: isTwice ? 'twice' : 'composition',
  };
}

/** Elements that a path takes and gives; undefined when its steps do not fit together. */
export function pathSizes({ steps }: Path): { readonly from: number; readonly to: number } | undefined {
  const [first, second] = steps;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    // Nothing is known of padding in the middle, so there must be none.
    const isWhole = first.how === 'inverse' || isUnpadded(first.layout);
    const goesOn = second.how === 'direct' || isUnpadded(second.layout);
    if (!isWhole || !goesOn || outputOf(first) !== inputOf(second)) return undefined;
  }
  return { from: inputOf(first), to: outputOf(second ?? first) };
}

/** Where a path takes the element at a raw offset; -1 for padding of the raw. */
export function forward(path: Path, offset: number): number {
  let at = offset;
  for (const { layout, how } of path.steps) {
    // The half byte after an odd number of fp4 elements is no element.
    if (at >= (how === 'direct' ? layout.size : layout.storageSize)) return -1;
    at = how === 'direct' ? placeOf(layout, at) : indexOf(layout, at);
    if (at < 0) return -1;
  }
  return at;
}

/** Storage offset of a row-major index. */
export function placeOf({ dims }: Layout, index: number): number {
  let rest = index;
  let offset = 0;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    const dim = dims[axis] as LayoutDim;
    const at = rest % dim.size;
    rest = (rest - at) / dim.size;
    offset += digitSum(dim, at);
  }
  return offset;
}

/** Row-major index of what lies at a storage offset; -1 for padding. */
export function indexOf({ dims }: Layout, offset: number): number {
  let index = 0;
  for (const dim of dims) {
    const at = axisIndexAt(dim, offset);
    if (at >= dim.size) return -1;
    index = index * dim.size + at;
  }
  return index;
}

export function pathTitle({ steps, how }: Path): string {
  const [first, second] = steps as [IdentifyStep, IdentifyStep | undefined];
  const a = first.entry.id;
  if (second === undefined) return how === 'inverse' ? `inverse of ${a}` : a;
  const b = second.entry.id;
  if (how === 'twice') return `${a} twice`;
  if (first.how === 'inverse' && second.how === 'direct') return `written as ${b}, from a raw that was read as ${a}`;
  return `${first.how === 'direct' ? a : `inverse of ${a}`}, then ${second.how === 'direct' ? b : `inverse of ${b}`}`;
}

/** The whole bijection as digits of one dimension, the raw offset; undefined with padding or where digits do not nest. */
export function pathDigits({ steps }: Path): Layout | undefined {
  let whole: Layout | undefined;
  for (const { layout, how } of steps) {
    const plain = rowMajor(layout.shape);
    const digits = how === 'direct' ? relayoutAsLayout(plain, layout) : relayoutAsLayout(layout, plain);
    if (digits === undefined) return undefined;
    if (whole === undefined) whole = digits;
    else {
      const back = relayoutAsLayout(whole, rowMajor(whole.shape));
      whole = back === undefined ? undefined : relayoutAsLayout(back, digits);
      if (whole === undefined) return undefined;
    }
  }
  return whole;
}

export function isUnpadded(layout: Layout): boolean {
  return layout.size === layout.storageSize;
}

function inputOf({ layout, how }: IdentifyStep): number {
  return how === 'direct' ? layout.size : layout.storageSize;
}

function outputOf({ layout, how }: IdentifyStep): number {
  return how === 'direct' ? layout.storageSize : layout.size;
}

/** A sample decides: layouts of digits that differ anywhere differ in at least half of their elements. */
function samePlaces(a: Layout, b: Layout): boolean {
  if (a.size !== b.size || a.storageSize !== b.storageSize) return false;
  return probes(a.size).every((index) => placeOf(a, index) === placeOf(b, index));
}

/** Offsets at which mappings are compared: spread, and the same for every mapping of one size. */
export function probes(size: number): readonly number[] {
  if (size <= 128) return Array.from({ length: size }, (_, at) => at);
  // Multiples of the golden section are spread over every digit.
  return Array.from({ length: 128 }, (_, at) => Math.floor((((at + 1) * 0.6180339887498949) % 1) * size));
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
