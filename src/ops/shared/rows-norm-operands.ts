import { OperandError, ParameterError } from '../../errors.ts';
import { rowMajor } from '../../layout/plain.ts';
import { requireLayout, requireOperand, requireShape, requireType } from '../../tensor/expect.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type FloatSource, floatValues, type Rows } from './rows.ts';

type Given = Readonly<Record<string, Tensor | undefined>>;

/** Checks the weight of a norm: [K], row-major, of one of `types`. */
export function requireNormWeight(
  op: string,
  operands: Given,
  name: string,
  { tensor: x, columns }: Rows,
  types: readonly FloatSource[],
): void {
  const weight = requireOperand(op, operands, name);
  requireType(op, weight, ...types);
  requireShape(op, weight, [columns], `one weight for each column of ${x.name}`);
  requireLayout(op, weight, rowMajor([columns]));
}

/** Checks the residual, if there is one: type and shape of x. */
export function requireResidual(op: string, { r }: Given, { tensor: x, shape }: Rows): void {
  if (r === undefined) return;
  requireType(op, r, x.type);
  requireShape(op, r, shape, 'the shape of x');
  requireLayout(op, r, rowMajor(shape));
}

/** A number that is added to a mean square. */
export function requireEpsilon(op: string, parameter: string, value: number): number {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new ParameterError(op, parameter, `is ${value}, expected a finite number that is not negative.`);
  }
  return value;
}

/** Checks that two operands that need each other are both given, or both left out. */
export function requireBoth(op: string, operands: Given, first: string, second: string, why: string): void {
  if ((operands[first] === undefined) === (operands[second] === undefined)) return;
  const [given, missing] = operands[first] === undefined ? [second, first] : [first, second];
  throw new OperandError(op, missing, `missing, but "${given}" is given: ${why}. Pass both, or neither.`);
}

/** The float32 rows that are normalised: x, or the sum of x and the residual. */
export function residualSum(x: Tensor, r: Tensor | undefined): Float32Array {
  if (r === undefined) return floatValues(x);
  const residual = floatValues(r);
  return floatValues(x).map((value, index) => value + (residual[index] as number));
}
