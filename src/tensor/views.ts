import { TensorBytesError } from './make.ts';
import type { Tensor } from './tensor.ts';

interface ArrayConstructor<A> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

/**
 * A typed view of a tensor's storage, in storage order. Shares memory where the bytes are aligned, copies where a file
 * put them at an odd offset.
 */
function view<A>(tensor: Tensor, type: ArrayConstructor<A>): A {
  const width = type.BYTES_PER_ELEMENT;
  if (tensor.bytes.byteLength % width !== 0) {
    throw new TensorBytesError(
      tensor.name,
      `${tensor.bytes.byteLength} bytes of ${tensor.type} cannot be viewed as ${width}-byte words.`,
    );
  }
  const aligned = tensor.bytes.byteOffset % width === 0 ? tensor.bytes : tensor.bytes.slice();
  return new type(aligned.buffer, aligned.byteOffset, aligned.byteLength / width);
}

export function asU8(tensor: Tensor): Uint8Array {
  return tensor.bytes;
}

export function asU16(tensor: Tensor): Uint16Array {
  return view(tensor, Uint16Array);
}

export function asU32(tensor: Tensor): Uint32Array {
  return view(tensor, Uint32Array);
}

export function asI32(tensor: Tensor): Int32Array {
  return view(tensor, Int32Array);
}

export function asF32(tensor: Tensor): Float32Array {
  return view(tensor, Float32Array);
}

export function asF64(tensor: Tensor): Float64Array {
  return view(tensor, Float64Array);
}
