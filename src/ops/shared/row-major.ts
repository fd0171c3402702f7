import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { elementBits } from '../../tensor/element-type.ts';
import { tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** The same values stored row-major: what the references read. Copies only when the layout differs. */
export function toRowMajor(source: Tensor): Tensor {
  const target = rowMajor(source.layout.shape);
  if (source.layout.equals(target)) return source;
  const bytes = permute(source.bytes, source.layout, target, elementBits(source.type));
  return tensor(source.name, source.type, target, bytes, source.scaling);
}
