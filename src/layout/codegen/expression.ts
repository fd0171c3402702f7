import { mergedFactors } from '../dim.ts';
import type { Layout } from '../layout.ts';

/** Unsigned integer arithmetic of index functions. Printers turn it into WGSL (and later HIP); `evaluate` runs it. */
export type IndexExpression =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'divide' | 'modulo' | 'multiply'; readonly left: IndexExpression; readonly by: number }
  | { readonly kind: 'add'; readonly terms: readonly IndexExpression[] };

const input = (name: string): IndexExpression => ({ kind: 'input', name });
const divide = (left: IndexExpression, by: number): IndexExpression => (by === 1 ? left : { kind: 'divide', left, by });
const modulo = (left: IndexExpression, by: number): IndexExpression => ({ kind: 'modulo', left, by });
const multiply = (left: IndexExpression, by: number): IndexExpression =>
  by === 1 ? left : { kind: 'multiply', left, by };

function add(terms: readonly IndexExpression[]): IndexExpression {
  const [first] = terms;
  if (first === undefined) return { kind: 'constant', value: 0 };
  return terms.length === 1 ? first : { kind: 'add', terms };
}

/** The storage offset of a coordinate; `coordinate(axis)` names the input for a dimension. */
export function offsetExpression(layout: Layout, coordinate: (axis: number) => string): IndexExpression {
  const terms = layout.dims.flatMap((dim, axis) => {
    const factors = mergedFactors(dim);
    let place = factors.reduce((product, { size }) => product * size, 1);
    return factors.map(({ size, stride }, index) => {
      place /= size;
      const shifted = divide(input(coordinate(axis)), place);
      // Coordinates are in range, so the outermost digit needs no remainder.
      return multiply(index === 0 ? shifted : modulo(shifted, size), stride);
    });
  });
  return add(terms);
}

/** The coordinate at an offset, one expression a dimension. Meaningful only where the offset is no padding. */
export function coordExpressions(layout: Layout, offset: string): readonly IndexExpression[] {
  return layout.dims.map((dim) => {
    const factors = mergedFactors(dim);
    let place = factors.reduce((product, { size }) => product * size, 1);
    const digits = factors.map(({ size, stride }) => {
      place /= size;
      const shifted = divide(input(offset), stride);
      const isOutermost = stride * size === layout.storageSize;
      return multiply(isOutermost ? shifted : modulo(shifted, size), place);
    });
    return add(digits);
  });
}

/** Dimensions that are padded: their coordinate at an offset may lie beyond the logical size. */
export function paddedAxes(layout: Layout): readonly { readonly axis: number; readonly size: number }[] {
  return layout.dims.flatMap(({ size, padded }, axis) => (padded > size ? [{ axis, size }] : []));
}

/** Runs an expression, for tests of the code generator. */
export function evaluate(expression: IndexExpression, inputs: Readonly<Record<string, number>>): number {
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'input':
      return inputs[expression.name] ?? Number.NaN;
    case 'divide':
      return Math.floor(evaluate(expression.left, inputs) / expression.by);
    case 'modulo':
      return evaluate(expression.left, inputs) % expression.by;
    case 'multiply':
      return evaluate(expression.left, inputs) * expression.by;
    case 'add':
      return expression.terms.reduce((sum, term) => sum + evaluate(term, inputs), 0);
  }
}
