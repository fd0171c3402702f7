import { PreshuffleError } from '../errors.ts';
import { type ElementType, elementBits } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import type { ScaleEncoding, Tensor, TensorSpec } from './tensor.ts';

/** The bytes of a tensor do not fit its type and layout. */
export class TensorBytesError extends PreshuffleError {
  readonly tensor: string;

  constructor(tensor: string, message: string) {
    super('tensor-bytes', `tensor "${tensor}": ${message}`);
    this.tensor = tensor;
  }
}

/** Bytes that a tensor of this spec takes in storage, padding included. e2m1 packs two elements a byte. */
export function storageBytes(spec: Pick<TensorSpec, 'type' | 'layout'>): number {
  return Math.ceil((spec.layout.storageSize * elementBits(spec.type)) / 8);
}

/**
 * Ties bytes to a type and a layout. The bytes are not copied.
 * @throws TensorBytesError when the length is not exactly what the layout stores.
 */
export function tensor<T extends ElementType, L extends string>(
  name: string,
  type: T,
  layout: Layout<L>,
  bytes: Uint8Array,
  scaling?: ScaleEncoding,
): Tensor<T, L> {
  const expected = storageBytes({ type, layout });
  if (bytes.byteLength !== expected) {
    throw new TensorBytesError(
      name,
      `${bytes.byteLength} bytes were given, but ${type} [${layout.shape.join(', ')}] in layout ${layout.id} ` +
        `takes ${expected} bytes (storage shape [${layout.storageShape.join(', ')}]). Check shape, type and padding.`,
    );
  }
  return scaling === undefined ? { name, type, layout, bytes } : { name, type, layout, bytes, scaling };
}

/** Gives a spec its bytes: zero-filled unless given. */
export function materialize(spec: TensorSpec, bytes?: Uint8Array): Tensor {
  return tensor(spec.name, spec.type, spec.layout, bytes ?? new Uint8Array(storageBytes(spec)), spec.scaling);
}

/** A row-major tensor over a typed array, without a copy. e2m1 takes packed bytes (two codes a byte). */
export function tensorFrom<T extends ElementType>(
  name: string,
  type: T,
  shape: readonly number[],
  data: ArrayBufferView,
  scaling?: ScaleEncoding,
): Tensor<T, 'row-major'> {
  return tensor(name, type, rowMajor(shape), asBytes(data), scaling);
}

/** The bytes under any typed array or view, without a copy. */
export function asBytes(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Says, without moving a byte, that the bytes are in another layout or of another type. This is the only way to
 * reinterpret a tensor, so that every such claim can be found by name.
 */
export function assume<T extends ElementType, L extends string>(
  source: Tensor,
  claim: { readonly type: T; readonly layout: Layout<L>; readonly scaling?: ScaleEncoding; readonly name?: string },
): Tensor<T, L> {
  return tensor(claim.name ?? source.name, claim.type, claim.layout, source.bytes, claim.scaling);
}
