import { OperandError } from '../../errors.ts';
import { decodeArray } from '../../formats/decode.ts';
import { rowMajor } from '../../layout/plain.ts';
import { requireLayout, requireOperand, requireType } from '../../tensor/expect.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asU16 } from '../../tensor/views.ts';

/** Number types that activations and weights come in before they are quantised. */
export type FloatSource = 'f32' | 'bf16' | 'f16';

export const FLOAT_SOURCES: readonly FloatSource[] = ['f32', 'bf16', 'f16'];

/** A tensor seen as a matrix: everything but the last dimension is rows. */
export interface Rows {
  readonly tensor: Tensor;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly columns: number;
}

/**
 * The operand `name` as rows of floats.
 * @throws OperandError when it is missing, not a float type, or empty; LayoutMismatchError when it is not row-major
 */
export function requireRows(op: string, operands: Readonly<Record<string, Tensor | undefined>>, name: string): Rows {
  const found = requireOperand(op, operands, name);
  requireType(op, found, ...FLOAT_SOURCES);
  const { shape } = found.layout;
  if (shape.length === 0 || shape.some((size) => size === 0)) {
    throw new OperandError(
      op,
      found.name,
      `has shape [${shape.join(', ')}], expected at least one dimension and no empty one.`,
    );
  }
  requireLayout(op, found, rowMajor(shape));
  const columns = shape.at(-1) ?? 1;
  return { tensor: found, shape, rows: found.layout.size / columns, columns };
}

/** Checks that rows divide into groups; the sources read past the row otherwise. */
export function requireColumnsMultipleOf(op: string, { tensor, columns }: Rows, group: number): void {
  if (columns % group === 0) return;
  throw new OperandError(
    op,
    tensor.name,
    `has rows of ${columns} elements [${tensor.layout.shape.join(', ')}], expected a multiple of ${group}. ` +
      `Pad the last dimension with zeros to ${Math.ceil(columns / group) * group}.`,
  );
}

/** The values of a float tensor in storage order, exact in float32. Shares memory with an f32 tensor: do not write. */
export function floatValues(source: Tensor): Float32Array {
  switch (source.type) {
    case 'f32':
      return asF32(source);
    case 'bf16':
      return bf16Values(asU16(source));
    case 'f16':
      return decodeArray('f16', asU16(source));
    default:
      throw new TypeError(`${source.name} is ${source.type}; plan() admits f32, bf16 and f16 only`);
  }
}

/** bf16 is the upper half of a float32: a shift is faster than the table of 65,536 values. */
function bf16Values(codes: Uint16Array): Float32Array {
  const bits = new Uint32Array(codes.length);
  for (let index = 0; index < codes.length; index += 1) bits[index] = (codes[index] as number) << 16;
  return new Float32Array(bits.buffer);
}
