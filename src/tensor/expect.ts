import { OperandError } from '../errors.ts';
import type { ElementType } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { LayoutMismatchError } from './errors.ts';
import type { ScaleEncoding, Tensor } from './tensor.ts';

/** Fetches an operand by name; says which ones were given when it is missing. */
export function requireOperand(
  op: string,
  operands: Readonly<Record<string, Tensor | undefined>>,
  name: string,
): Tensor {
  const found = operands[name];
  if (found === undefined) {
    const given = Object.keys(operands).filter((key) => operands[key] !== undefined);
    throw new OperandError(
      op,
      name,
      `missing. Given: ${given.length === 0 ? 'no operands' : given.join(', ')}. Pass a tensor under this name.`,
    );
  }
  return found;
}

export function requireType<T extends ElementType>(op: string, tensor: Tensor, ...types: readonly T[]): T {
  const match = types.find((type) => type === tensor.type);
  if (match === undefined) {
    throw new OperandError(
      op,
      tensor.name,
      `is ${tensor.type}, expected ${types.join(' or ')}. Convert it with encode, or assume() the type if the bytes are right.`,
    );
  }
  return match;
}

/** Checks the logical shape. A dimension given as `undefined` may have any size. */
export function requireShape(
  op: string,
  tensor: Tensor,
  shape: readonly (number | undefined)[],
  meaning: string,
): void {
  const given = tensor.layout.shape;
  const fits = given.length === shape.length && shape.every((size, axis) => size === undefined || size === given[axis]);
  if (!fits) {
    const wanted = shape.map((size) => (size === undefined ? '*' : String(size))).join(', ');
    throw new OperandError(op, tensor.name, `has shape [${given.join(', ')}], expected [${wanted}] (${meaning}).`);
  }
}

export function requireRank(op: string, tensor: Tensor, minimum: number, maximum: number, meaning: string): void {
  const rank = tensor.layout.shape.length;
  if (rank < minimum || rank > maximum) {
    const wanted = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
    throw new OperandError(
      op,
      tensor.name,
      `has ${rank} dimensions [${tensor.layout.shape.join(', ')}], expected ${wanted} (${meaning}).`,
    );
  }
}

export function requireScaling(op: string, tensor: Tensor, ...allowed: readonly ScaleEncoding[]): void {
  if (tensor.scaling !== undefined && !allowed.includes(tensor.scaling)) {
    throw new OperandError(
      op,
      tensor.name,
      `holds ${tensor.scaling} scales, expected ${allowed.join(' or ')}. ` +
        'Reading one as the other gives finite nonsense; convert the scales first.',
    );
  }
}

/** Checks that the bytes are where the op will look for them: same mapping, whatever the layout is called. */
export function requireLayout(op: string, tensor: Tensor, expected: Layout, remedy?: string): void {
  if (tensor.layout.equals(expected)) return;
  throw new LayoutMismatchError(
    op,
    tensor.name,
    tensor.layout,
    [expected.id],
    remedy ??
      `Convert it with permute(tensor.bytes, tensor.layout, expected, bits) or the "permute" op to ${expected.id}; ` +
        'if the bytes already are in that layout, say so with assume().',
  );
}
