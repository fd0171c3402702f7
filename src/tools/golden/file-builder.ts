import { writeSafetensors } from '../../io/safetensors-write.ts';
import type { Tensor } from '../../tensor/tensor.ts';

type Dtype = 'U8' | 'I16' | 'I32' | 'F32';

/** How a golden file stores each element type: raw codes. */
const STORED: Readonly<Record<string, Dtype>> = {
  e2m1: 'U8',
  e4m3fn: 'U8',
  e4m3fnuz: 'U8',
  e8m0: 'U8',
  bf16: 'I16',
  f16: 'I16',
  f32: 'F32',
  i32: 'I32',
};

/** Collects cases of a golden file. Tensors are written as they are stored, under their logical shape unless it pads. */
export class GoldenFileBuilder {
  readonly #parts: { name: string; dtype: Dtype; shape: readonly number[]; bytes: Uint8Array }[] = [];
  readonly #metadata: Record<string, string> = {};

  /** @param tensors by the name that the binding of the op reads; the second form gives the shape in the file */
  add(
    name: string,
    params: Readonly<Record<string, unknown>>,
    tensors: Readonly<Record<string, Tensor | readonly [Tensor, readonly number[]]>>,
  ): void {
    this.#metadata[`case:${name}`] = JSON.stringify({ ...params, source: 'preshuffle reference' });
    for (const [key, entry] of Object.entries(tensors)) {
      const [tensor, shape] = isShaped(entry) ? entry : [entry, entry.layout.shape];
      const dtype = STORED[tensor.type];
      if (dtype === undefined) throw new TypeError(`${name}/${key}: a golden file does not hold ${tensor.type} here`);
      this.#parts.push({ name: `${name}/${key}`, dtype, shape, bytes: tensor.bytes });
    }
  }

  bytes(): Uint8Array {
    return writeSafetensors(this.#parts, this.#metadata);
  }
}

function isShaped(entry: Tensor | readonly [Tensor, readonly number[]]): entry is readonly [Tensor, readonly number[]] {
  return Array.isArray(entry);
}
