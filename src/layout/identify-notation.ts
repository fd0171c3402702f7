import { Layout } from './layout.ts';

/** A digit of a bijection: `size` values, this far apart in the source and in the target. */
export interface Digit {
  readonly size: number;
  readonly source: number;
  readonly target: number;
}

const NAMES: Readonly<Record<number, readonly string[]>> = { 1: ['x'], 2: ['n', 'k'], 3: ['e', 'n', 'k'] };

/** The digits of a layout of one dimension. */
export function digitsOf({ dims }: Layout): readonly Digit[] {
  let source = 1;
  return (dims[0]?.factors ?? []).toReversed().map(({ size, stride }) => {
    const digit = { size, source, target: stride };
    source *= size;
    return digit;
  });
}

/**
 * A permutation of digits as a layout of row-major data of a shape, with names like n0 n1 k0 k1.
 * @param shape where a digit lies across the end of a dimension, the layout has one dimension: the source offset
 */
export function digitsLayout(digits: readonly Digit[], shape: readonly number[], id = 'inferred'): Layout {
  const total = shape.reduce((all, size) => all * size, 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((all, size) => all * size, 1));
  const parts = cutAt(digits, strides);
  if (parts === undefined) return digitsLayout(digits, [total], id);
  const names = NAMES[shape.length] ?? shape.map((_, axis) => `d${axis}_`);
  const orders: { readonly name: string; readonly target: number }[] = [];
  const dims = shape.map((size, axis) => {
    const stride = strides[axis] as number;
    const own = merged(parts.filter(({ source }) => source >= stride && source < stride * size));
    const name = names[axis] as string;
    const factors = own.map((digit, at) => ({ ...digit, name: own.length === 1 ? name : `${name}${at}` }));
    if (factors.length === 0) factors.push({ name, size: 1, source: stride, target: total });
    orders.push(...factors);
    return { name, size, factors: factors.map((factor) => ({ name: factor.name, size: factor.size })) };
  });
  return new Layout({ id, dims, order: orders.toSorted((a, b) => b.target - a.target).map(({ name }) => name) });
}

/** Digits cut where a dimension ends; undefined where a digit cannot be cut there. */
function cutAt(digits: readonly Digit[], strides: readonly number[]): readonly Digit[] | undefined {
  let parts = digits.filter(({ size }) => size > 1);
  for (const stride of strides) {
    const next: Digit[] = [];
    for (const digit of parts) {
      const { size, source, target } = digit;
      if (source >= stride || source * size <= stride) {
        next.push(digit);
        continue;
      }
      const inner = stride / source;
      if (!Number.isInteger(inner) || size % inner !== 0) return undefined;
      next.push({ size: inner, source, target }, { size: size / inner, source: stride, target: target * inner });
    }
    parts = next;
  }
  return parts;
}

/** Outermost first, neighbours joined that are neighbours on both sides. */
function merged(digits: readonly Digit[]): readonly Digit[] {
  const out: Digit[] = [];
  for (const digit of digits.toSorted((a, b) => b.source - a.source)) {
    const outer = out.at(-1);
    if (outer !== undefined && outer.source === digit.source * digit.size && outer.target === digit.target * digit.size)
      out[out.length - 1] = { ...digit, size: digit.size * outer.size };
    else out.push(digit);
  }
  return out;
}
