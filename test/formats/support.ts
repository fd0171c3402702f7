import type { NarrowFormatName } from '../../src/formats/decode.ts';
import { f32FromBits } from '../../src/formats/f32.ts';

/** Every format with a decode table. */
export const narrowFormats: readonly NarrowFormatName[] = [
  'f16',
  'bf16',
  'e4m3fn',
  'e4m3fnuz',
  'e5m2',
  'e5m2fnuz',
  'e8m0',
  'e2m1',
  'e2m3',
  'e3m2',
];

/** The narrow formats with a sign, which round to nearest even. */
export const roundingFormats: readonly Exclude<NarrowFormatName, 'e8m0'>[] = narrowFormats.filter(
  (name): name is Exclude<NarrowFormatName, 'e8m0'> => name !== 'e8m0',
);

/** Deterministic 32-bit words (xorshift). */
export function wordSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Every 16-bit float32 prefix with lower halves that lie on, just beside and between the ties of narrow formats. */
export function interestingWords(): Uint32Array {
  const lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
  return Uint32Array.from({ length: 65536 * lower.length }, (_, index) => {
    const low = lower[index % lower.length] ?? 0;
    return ((Math.floor(index / lower.length) << 16) | low) >>> 0;
  });
}

/** The bits of float32 numbers. */
export function wordsOf(x: Float32Array): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.length);
}

/** Float32 numbers of these bits, NaN payloads included. */
export function floatsOf(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length);
}

/** A float32 number that is not NaN. */
export function finiteOrInfinite(next: () => number): number {
  for (;;) {
    const value = f32FromBits(next());
    if (!Number.isNaN(value)) return value;
  }
}
