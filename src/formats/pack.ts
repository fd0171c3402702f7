import { ParameterError } from '../errors.ts';

/**
 * Packs 4-bit codes two a byte, the even element in the low nibble, as AITER, torch and GPT-OSS checkpoints do.
 * @param codes one e2m1 code an element, 0..15; an even number of them
 * @returns half as many bytes
 * @throws ParameterError for an odd length or a code above 15
 */
export function packNibbles(codes: Uint8Array): Uint8Array {
  if (codes.length % 2 !== 0) {
    throw new ParameterError(
      'packNibbles',
      'codes',
      `has ${codes.length} elements, expected an even number; pad the last dimension.`,
    );
  }
  const out = new Uint8Array(codes.length / 2);
  let seen = 0;
  for (let index = 0; index < out.length; index += 1) {
    const low = codes[2 * index] as number;
    const high = codes[2 * index + 1] as number;
    seen |= low | high;
    out[index] = low | (high << 4);
  }
  if (seen > 15) refuseWide('packNibbles', codes, 15);
  return out;
}

/**
 * The inverse of `packNibbles`: one code an element.
 * @param count how many codes to unpack; all by default
 * @throws ParameterError for a count that is not an integer from 0 to twice the number of bytes
 */
export function unpackNibbles(bytes: Uint8Array, count: number = bytes.length * 2): Uint8Array {
  requireCount('unpackNibbles', count, bytes.length, bytes.length * 2);
  const out = new Uint8Array(count);
  const pairs = count >> 1;
  for (let index = 0; index < pairs; index += 1) {
    const byte = bytes[index] as number;
    out[2 * index] = byte & 15;
    out[2 * index + 1] = byte >> 4;
  }
  if (count % 2 === 1) out[count - 1] = (bytes[pairs] as number) & 15;
  return out;
}

/**
 * Packs 6-bit codes (e2m3, e3m2) four in three bytes, the first in the lowest bits: the little-endian bit stream that
 * AMD's and NVIDIA's FP6 matrix instructions read.
 * @param codes one code an element, 0..63; a multiple of 4 of them
 * @returns three quarters as many bytes
 * @throws ParameterError for another length or a code above 63
 */
export function packSixBit(codes: Uint8Array): Uint8Array {
  if (codes.length % 4 !== 0) {
    throw new ParameterError(
      'packSixBit',
      'codes',
      `has ${codes.length} elements, expected a multiple of 4; pad the last dimension.`,
    );
  }
  const out = new Uint8Array((codes.length / 4) * 3);
  let seen = 0;
  for (let source = 0, target = 0; source < codes.length; source += 4, target += 3) {
    const a = codes[source] as number;
    const b = codes[source + 1] as number;
    const c = codes[source + 2] as number;
    const d = codes[source + 3] as number;
    seen |= a | b | c | d;
    const bits = a | (b << 6) | (c << 12) | (d << 18);
    out[target] = bits & 255;
    out[target + 1] = (bits >> 8) & 255;
    out[target + 2] = (bits >> 16) & 255;
  }
  if (seen > 63) refuseWide('packSixBit', codes, 63);
  return out;
}

/**
 * The inverse of `packSixBit`: one code an element.
 * @throws ParameterError when the length is not a multiple of 3
 */
export function unpackSixBit(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 3 !== 0) {
    throw new ParameterError('unpackSixBit', 'bytes', `has ${bytes.length} bytes, expected a multiple of 3.`);
  }
  const out = new Uint8Array((bytes.length / 3) * 4);
  for (let source = 0, target = 0; source < bytes.length; source += 3, target += 4) {
    const bits =
      (bytes[source] as number) | ((bytes[source + 1] as number) << 8) | ((bytes[source + 2] as number) << 16);
    out[target] = bits & 63;
    out[target + 1] = (bits >> 6) & 63;
    out[target + 2] = (bits >> 12) & 63;
    out[target + 3] = bits >> 18;
  }
  return out;
}

function refuseWide(where: string, codes: Uint8Array, limit: number): never {
  const index = codes.findIndex((code) => code > limit);
  throw new ParameterError(where, 'codes', `has ${codes[index]} at element ${index}, expected 0..${limit}.`);
}

function requireCount(where: string, count: number, bytes: number, limit: number): void {
  if (!Number.isInteger(count) || count < 0 || count > limit) {
    throw new ParameterError(
      where,
      'count',
      `is ${count}, expected an integer 0..${limit}: ${bytes} bytes hold ${limit} codes.`,
    );
  }
}
