import { unpackNibbles } from '../formats/pack.ts';

/** Elements of a buffer as numbers, for comparisons: codes up to 32 bits, the low half of 64. */
export interface Elements {
  readonly length: number;
  readonly codes: Uint8Array | Uint16Array | Uint32Array;
}

/**
 * @param bits 4, 8, 16, 32 or 64. Two fp4 codes a byte are unpacked, the low one first; of 64 bits both halves are mixed into 32, so
 * that different codes may rarely look equal but equal ones never differ
 */
export function elementsOf(bytes: Uint8Array, bits: number): Elements {
  const codes = codesOf(bytes, bits);
  return { length: codes.length, codes };
}

function codesOf(bytes: Uint8Array, bits: number): Elements['codes'] {
  if (bits === 8) return bytes;
  if (bits === 4) return unpackNibbles(bytes);
  // Typed arrays want aligned memory; a slice is.
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (bits === 16) return new Uint16Array(buffer, byteOffset, length / 2);
  const words = new Uint32Array(buffer, byteOffset, length / 4);
  if (bits === 32) return words;
  return Uint32Array.from(
    { length: words.length / 2 },
    (_, at) => (words[2 * at] as number) ^ Math.imul(words[2 * at + 1] as number, 0x9e3779b1),
  );
}

/** Whether two buffers of one length hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** How often each code occurs; undefined above 16 bits. */
export function histogram({ codes }: Elements): Float64Array | undefined {
  if (codes instanceof Uint32Array) return undefined;
  const counts = new Float64Array(codes instanceof Uint16Array ? 65536 : 256);
  for (let at = 0; at < codes.length; at += 1)
    counts[codes[at] as number] = (counts[codes[at] as number] as number) + 1;
  return counts;
}
