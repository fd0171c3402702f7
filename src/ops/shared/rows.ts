import { decodeArray } from '../../formats/decode.ts';
import { requireLayout, requireOperand, requireRank, requireType } from '../../tensor/expect.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asU16 } from '../../tensor/views.ts';

/** Source types of the quantisers. */
export const REAL_TYPES = ['f32', 'bf16', 'f16'] as const;

/** A row-major tensor seen as a matrix: all leading dimensions are rows. */
export interface Rows {
  readonly x: Tensor;
  readonly rows: number;
  readonly columns: number;
}

/** Fetches a row-major f32, bf16 or f16 operand of at least `minimumRank` dimensions. */
export function requireRows(op: string, operands: Readonly<Record<string, Tensor | undefined>>, name = 'x', minimumRank = 1): Rows {
  const x = requireOperand(op, operands, name);
  requireType(op, x, ...REAL_TYPES);
  requireRank(op, x, minimumRank, 8, 'rows x columns; leading dimensions count as rows');
  requireLayout(op, x, rowMajor(x.layout.shape));
  const columns = x.layout.shape.at(-1) ?? 1;
  return { x, rows: x.layout.size / columns, columns };
}

/** All values of an f32, bf16 or f16 tensor as float32, exactly. f32 is not copied. */
export function realValues(x: Tensor): Float32Array {
  if (x.type === 'f32') return asF32(x);
  return decodeArray(x.type === 'f16' ? 'f16' : 'bf16', asU16(x));
}
