import { ParameterError } from '../errors.ts';

/** Packs 4-bit codes two a byte, the even element in the low nibble, as AITER, torch and GPT-OSS checkpoints do. */
export function packNibbles(codes: Uint8Array): Uint8Array {
  if (codes.length % 2 !== 0) {
    throw new ParameterError('packNibbles', 'codes', `has ${codes.length} elements, expected an even number; pad the last dimension.`);
  }
  const out = new Uint8Array(codes.length / 2);
  for (let index = 0; index < out.length; index += 1) {
    out[index] = ((codes[2 * index] as number) & 15) | (((codes[2 * index + 1] as number) & 15) << 4);
  }
  return out;
}

/** The inverse of `packNibbles`: one code an element. */
export function unpackNibbles(bytes: Uint8Array, count: number = bytes.length * 2): Uint8Array {
  if (count > bytes.length * 2 || count < 0) {
    throw new ParameterError('unpackNibbles', 'count', `is ${count}, but ${bytes.length} bytes hold ${bytes.length * 2} codes.`);
  }
  const out = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) out[index] = ((bytes[index >> 1] as number) >> ((index & 1) * 4)) & 15;
  return out;
}
