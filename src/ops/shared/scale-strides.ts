import { scaleTransposedView } from '../../layout/activation-scale.ts';
import { rowMajor } from '../../layout/plain.ts';
import { LayoutMismatchError } from '../../tensor/errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Whether the bytes of a scale [M, G] lie column by column under row-major strides. The mapping is that of an honest
 * column-major scale, so only the id of the layout tells. With one row or one column there is no difference.
 */
export function isTransposedView({ layout }: Tensor): boolean {
  return layout.id === scaleTransposedView([1, 1]).id && !layout.equals(rowMajor(layout.shape));
}

/** Whether a scale [M, G] lies column by column and its strides say so. */
export function isHonestColumnMajor(scale: Tensor): boolean {
  return scale.layout.equals(scaleTransposedView(scale.layout.shape)) && !isTransposedView(scale);
}

/**
 * Refuses a transposed view, for kernels that go by strides.
 * @param expected ids of the layouts that the op reads
 * @throws LayoutMismatchError
 */
export function refuseTransposedView(op: string, scale: Tensor, expected: readonly string[]): void {
  if (!isTransposedView(scale)) return;
  const { shape } = scale.layout;
  throw new LayoutMismatchError(
    op,
    scale.name,
    scale.layout,
    expected,
    'The kernel goes by strides, and those of a transposed view are row-major while its bytes are not. Relabel it as ' +
      `column-major without a copy: assume(${scale.name}, { type: '${scale.type}', layout: scaleColumnMajor([${shape.join(', ')}]) }), ` +
      `in torch ${scale.name}.as_strided((${shape.join(', ')}), (1, ${shape[0]})).`,
  );
}
