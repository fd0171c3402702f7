import { decodeArray } from '../../formats/decode.ts';
import { requireOperand, requireRank, requireType } from '../../tensor/expect.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asU8 } from '../../tensor/views.ts';

/** The fp8 formats of matrix multiplications. */
export type Fp8Matrix = 'e4m3fn' | 'e4m3fnuz';

export interface Fp8Matrices {
  readonly x: Tensor;
  readonly w: Tensor;
  /** Rows of x. */
  readonly M: number;
  /** Rows of w. */
  readonly N: number;
  /** Columns of x. */
  readonly K: number;
  /** Columns of w: K, or more where a weight is padded. */
  readonly weightColumns: number;
}

/**
 * Fetches x [M, K] and w [N, columns], both of one fp8 format. Whether their columns and layouts fit is up to the op.
 * @throws OperandError for a missing operand, another type or rank
 */
export function requireFp8Matrices(
  op: string,
  operands: Readonly<Record<string, Tensor | undefined>>,
  ...types: readonly Fp8Matrix[]
): Fp8Matrices {
  const x = requireOperand(op, operands, 'x');
  const w = requireOperand(op, operands, 'w');
  const type = requireType(op, x, ...types);
  requireType(op, w, type);
  requireRank(op, x, 2, 2, 'M, K');
  requireRank(op, w, 2, 2, 'N, K');
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0, weightColumns = 0] = w.layout.shape;
  return { x, w, M, N, K, weightColumns };
}

/** The values of an fp8 matrix, row-major. */
export function decodedMatrix(matrix: Tensor): Float32Array {
  return decodeArray(matrix.type === 'e4m3fnuz' ? 'e4m3fnuz' : 'e4m3fn', asU8(toRowMajor(matrix)));
}

/** The first `columns` of each row. */
export function leadingColumns(values: Float32Array, stored: number, columns: number): Float32Array {
  if (stored === columns) return values;
  const rows = stored === 0 ? 0 : values.length / stored;
  const cut = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) cut.set(values.subarray(row * stored, row * stored + columns), row * columns);
  return cut;
}
