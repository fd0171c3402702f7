import { PreshuffleError } from '../../errors.ts';
import { type CatalogParams, type Layout, type LayoutDim, parsePattern } from '../../layout/index.ts';
import type { ResolvedLayout } from './layout-ref.ts';

/** One step of a shuffle, in the words of the sources: an operation, and the tensor that it leaves. */
export interface Step {
  readonly kind: 'logical' | 'pad' | 'view' | 'permute' | 'contiguous';
  /** `view(N/16, 16, K/32, 2, 16)`. */
  readonly text: string;
  /** Dimensions of the tensor after the step. */
  readonly shape: readonly number[];
  /** Their names: `N/16`, `16`. */
  readonly names: readonly string[];
}

/**
 * The steps from the tensor as people write it to its bytes: pad, view, permute, contiguous; what changes nothing is left out.
 * @param counters names of the digits that take what the shape leaves, see `countersOf`; they are written `N/16`
 */
export function layoutSteps(layout: Layout, counters: ReadonlySet<string> = outermost(layout)): readonly Step[] {
  const { dims, order } = layout;
  const names = dims.map(dimName);
  const digits = dims.flatMap((dim) =>
    dim.factors.map((factor) => ({ ...factor, label: digitLabel(dim, factor, counters) })),
  );
  const sizes = digits.map(({ size }) => size);
  const labels = digits.map(({ label }) => label);
  const indices = order.map((name) => digits.findIndex((digit) => digit.name === name));
  const padded = dims.filter((dim) => dim.padded > dim.size);
  const steps: Step[] = [{ kind: 'logical', text: `[${names.join(', ')}]`, shape: layout.shape, names }];
  if (padded.length > 0) {
    const text = `pad(${padded.map((dim) => `${dimName(dim)} to ${dim.padded}`).join(', ')})`;
    steps.push({ kind: 'pad', text, shape: dims.map((dim) => dim.padded), names });
  }
  if (digits.length > dims.length) {
    steps.push({ kind: 'view', text: `view(${labels.join(', ')})`, shape: sizes, names: labels });
  }
  if (indices.some((digit, at) => digit !== at)) {
    steps.push({
      kind: 'permute',
      text: `permute(${indices.join(', ')})`,
      shape: indices.map((at) => sizes[at] as number),
      names: indices.map((at) => labels[at] as string),
    });
  }
  const { storageShape } = layout;
  steps.push({
    kind: 'contiguous',
    text: `contiguous().view(${storageShape.join(', ')})`,
    shape: storageShape,
    names: storageShape.map(String),
  });
  return steps;
}

/** Position of the last step. */
export function lastStep(layout: Layout): number {
  return layoutSteps(layout).length - 1;
}

/**
 * The digits that take what the shape leaves, found where a larger shape makes them larger; all others belong to the layout. A matrix
 * operand has none.
 */
export function countersOf(resolved: ResolvedLayout, params: CatalogParams): ReadonlySet<string> {
  const { layout, entry, mfma, source } = resolved;
  if (mfma !== undefined) return new Set();
  if (entry === undefined) {
    const { dims } = parsePattern(source);
    return new Set(dims.flatMap((dim) => dim.factors.filter(({ size }) => size === undefined).map(({ name }) => name)));
  }
  const names = layout.dims.flatMap((dim, axis) => {
    // 64 is enough to grow the padded dimensions too.
    const larger = layout.shape.map((size, at) => (at === axis ? size * 64 : size));
    const bound = bindOrNone(() => entry.bind(larger, params));
    if (bound === undefined) return dim.factors.slice(0, 1).map(({ name }) => name);
    const grown = bound.dims[axis]?.factors ?? [];
    return dim.factors.filter(({ size }, at) => grown[at]?.size !== size).map(({ name }) => name);
  });
  return new Set(names);
}

function bindOrNone(bind: () => Layout): Layout | undefined {
  try {
    return bind();
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

function outermost(layout: Layout): ReadonlySet<string> {
  return new Set(layout.dims.map(({ factors }) => factors[0]?.name ?? ''));
}

/** `N` for n; longer names stay as they are. */
function dimName({ name }: LayoutDim): string {
  return name.length === 1 ? name.toUpperCase() : name;
}

function digitLabel(
  dim: LayoutDim,
  digit: { readonly name: string; readonly size: number },
  counters: ReadonlySet<string>,
): string {
  if (!counters.has(digit.name)) return String(digit.size);
  const others = dim.factors.reduce((product, { name, size }) => (name === digit.name ? product : product * size), 1);
  return others === 1 ? dimName(dim) : `${dimName(dim)}/${others}`;
}
