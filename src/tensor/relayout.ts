import { elementBits } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { permute } from '../layout/permute.ts';
import { rowMajor } from '../layout/plain.ts';
import { tensor } from './make.ts';
import type { Tensor } from './tensor.ts';

/** The same values, stored in another layout of the same logical shape. @param fill byte for padding that it adds, default 0 */
export function storedIn(source: Tensor, layout: Layout, fill = 0): Tensor {
  const bytes = permute(source.bytes, source.layout, layout, elementBits(source.type), { fill });
  return tensor(source.name, source.type, layout, bytes, source.scaling);
}

/**
 * The same bytes, taken for another layout: where a layout mistake happens. Values change places.
 * @throws TensorBytesError when the layout stores another number of bytes
 */
export function readAs(source: Tensor, layout: Layout): Tensor {
  return tensor(source.name, source.type, layout, source.bytes, source.scaling);
}

/** The same values stored row-major: what the references read. Copies only when the layout differs. */
export function toRowMajor(source: Tensor): Tensor {
  const target = rowMajor(source.layout.shape);
  return source.layout.equals(target) ? source : storedIn(source, target);
}
