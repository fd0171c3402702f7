import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { asBytes, materialize } from '../../tensor/make.ts';
import type { Tensor, TensorSpec } from '../../tensor/tensor.ts';

/** Stores row-major float32 scales in the layout that the op promised. */
export function placeScales(spec: TensorSpec, scales: Float32Array): Tensor {
  const from = rowMajor(spec.layout.shape);
  return materialize(spec, spec.layout.equals(from) ? asBytes(scales) : permute(asBytes(scales), from, spec.layout, 32));
}
