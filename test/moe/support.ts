import { elementBits } from '../../src/formats/element-type.ts';
import type { CheckpointTensor } from '../../src/moe/checkpoint-gpt-oss.ts';
import type { ExpertWeights } from '../../src/moe/expert-weights.ts';
import { syntheticLayer } from '../../src/moe/synthetic.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** A layer in checkpoint order, small but with whole blocks of everything. */
export function smallLayer(experts = 2, hidden = 128, inter = 64): ExpertWeights {
  return syntheticLayer({ experts, hidden, inter });
}

/** The element at a logical coordinate, as its code. */
export function codeAt(tensor: Tensor, coord: readonly number[]): number {
  const bits = elementBits(tensor.type);
  const offset = tensor.layout.offset(coord);
  if (bits === 4) return ((tensor.bytes[offset >> 1] as number) >> (4 * (offset & 1))) & 15;
  let value = 0;
  for (let byte = bits / 8 - 1; byte >= 0; byte -= 1)
    value = value * 256 + (tensor.bytes[(offset * bits) / 8 + byte] as number);
  return value;
}

/** A raw tensor filled with a running byte. */
export function raw(dtype: CheckpointTensor['dtype'], shape: readonly number[], seed = 1): CheckpointTensor {
  const count = shape.reduce((product, size) => product * size, 1) * (dtype === 'BF16' ? 2 : dtype === 'F32' ? 4 : 1);
  return {
    dtype,
    shape,
    bytes: Uint8Array.from({ length: count }, (_, index) => (index * 7 + (index >> 8) * 3 + seed) & 127),
  };
}
