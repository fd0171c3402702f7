import { OperandError } from '../../errors.ts';
import { elementBits } from '../../formats/element-type.ts';
import { scaleColumnMajor, scaleTmaAligned, scaleTransposedView } from '../../layout/activation-scale.ts';
import type { Layout } from '../../layout/layout.ts';
import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { asBytes, tensor } from '../../tensor/make.ts';
import type { Tensor, TensorSpec } from '../../tensor/tensor.ts';
import type { Rows } from './rows.ts';

/**
 * How the scales [rows, groups] lie in memory:
 * - `row-major`: `b[m * G + g]`;
 * - `transposed-view`: bytes of `b[g * M + m]` that the source labels (M, G), as `transpose_scale=True` of AITER's HIP
 *   quantiser and RMSNorm kernels leaves them;
 * - `column-major`: the same bytes, labelled honestly;
 * - `tma-aligned`: column-major, columns padded with zeros to 16 bytes, as DeepGEMM reads them.
 */
export type ScaleStore = 'row-major' | 'transposed-view' | 'column-major' | 'tma-aligned';

export const SCALE_STORES: readonly ScaleStore[] = ['row-major', 'transposed-view', 'column-major', 'tma-aligned'];

/** Layout of one scale for each group of `group` elements. A transposed scale is a matrix, whatever rank x has. */
export function groupScaleLayout({ shape, rows, columns }: Rows, group: number, store: ScaleStore): Layout {
  const groups = Math.ceil(columns / group);
  switch (store) {
    case 'row-major':
      return rowMajor([...shape.slice(0, -1), groups]);
    case 'transposed-view':
      return scaleTransposedView([rows, groups]);
    case 'column-major':
      return scaleColumnMajor([rows, groups]);
    case 'tma-aligned':
      return scaleTmaAligned([rows, groups]);
  }
}

/** A tensor of the spec from row-major data: stored in the spec's layout, which may be any permutation. */
export function storedAs(spec: TensorSpec, data: ArrayBufferView): Tensor {
  const bytes = asBytes(data);
  const plain = rowMajor(spec.layout.shape);
  const stored = spec.layout.equals(plain) ? bytes : permute(bytes, plain, spec.layout, elementBits(spec.type));
  return tensor(spec.name, spec.type, spec.layout, stored, spec.scaling);
}

/** fp4 codes lie two a byte, so rows must be of even length. */
export function requireEvenColumns(op: string, { tensor: x, columns }: Rows): void {
  if (columns % 2 === 0) return;
  throw new OperandError(
    op,
    x.name,
    `has rows of ${columns} elements, expected an even number: two fp4 codes share a byte.`,
  );
}
