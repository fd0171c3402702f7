import { ParameterError } from '../../errors.ts';
import type { Layout } from '../layout.ts';
import { coordExpressions, type IndexExpression, offsetExpression, paddedAxes } from './expression.ts';

/** Offsets are u32 in WGSL. */
const MOST_ELEMENTS = 2 ** 32;

/**
 * WGSL functions of a layout, R being its number of dimensions:
 * `fn NAME_offset(c: array<u32, R>) -> u32`, `fn NAME_coord(offset: u32) -> array<u32, R>` and
 * `fn NAME_is_padding(offset: u32) -> bool`. Sizes are constants in them; powers of two become shifts and masks.
 *
 * @throws ParameterError when the layout has more elements than a u32 can number
 */
export function layoutFunctionsWgsl(name: string, layout: Layout): string {
  if (layout.storageSize > MOST_ELEMENTS) {
    throw new ParameterError(
      'layoutFunctionsWgsl',
      'layout',
      `has ${layout.storageSize} elements, expected at most ${MOST_ELEMENTS}; split the tensor.`,
    );
  }
  const rank = layout.dims.length;
  const coordinates = coordExpressions(layout, 'offset').map(print);
  const padding = paddedAxes(layout).map(({ axis, size }) => `(${coordinates[axis]}) >= ${size}u`);
  return [
    `// ${layout.id}: ${layout}`,
    `fn ${name}_offset(c: array<u32, ${rank}>) -> u32 {`,
    `  return ${print(offsetExpression(layout, (axis) => `c[${axis}]`))};`,
    '}',
    '',
    `fn ${name}_coord(offset: u32) -> array<u32, ${rank}> {`,
    `  return array<u32, ${rank}>(${coordinates.join(', ')});`,
    '}',
    '',
    `fn ${name}_is_padding(offset: u32) -> bool {`,
    `  return ${padding.length === 0 ? 'false' : padding.join(' || ')};`,
    '}',
    '',
  ].join('\n');
}

/** WGSL does not mix shifts and masks with arithmetic without parentheses, so every operand gets them. */
function print(expression: IndexExpression): string {
  switch (expression.kind) {
    case 'constant':
      return `${expression.value}u`;
    case 'input':
      return expression.name;
    case 'divide':
      return binary(expression.left, '/', '>>', expression.by);
    case 'modulo':
      return isPowerOfTwo(expression.by)
        ? `(${print(expression.left)} & ${expression.by - 1}u)`
        : `(${print(expression.left)} % ${expression.by}u)`;
    case 'multiply':
      return binary(expression.left, '*', '<<', expression.by);
    case 'add':
      return `(${expression.terms.map(print).join(' + ')})`;
  }
}

function binary(left: IndexExpression, general: string, shift: string, by: number): string {
  return isPowerOfTwo(by) ? `(${print(left)} ${shift} ${Math.log2(by)}u)` : `(${print(left)} ${general} ${by}u)`;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
