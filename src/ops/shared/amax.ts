/** Bits of infinity; a magnitude above it is a NaN. */
const INFINITY_BITS = 0x7f800000;

/**
 * Bits of the largest magnitude among float32 words `start` to `end`. Magnitudes order as their bit patterns do, and a
 * NaN lies above infinity, so that it wins as in torch's `amax`.
 */
export function amaxBits(words: Uint32Array, start: number, end: number): number {
  let largest = 0;
  for (let index = start; index < end; index += 1) {
    const magnitude = (words[index] as number) & 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** As `amaxBits`, with `fmaxf` semantics: a NaN does not count. */
export function amaxBitsIgnoringNaN(words: Uint32Array, start: number, end: number): number {
  let largest = 0;
  for (let index = start; index < end; index += 1) {
    const magnitude = (words[index] as number) & 0x7fffffff;
    if (magnitude > largest && magnitude <= INFINITY_BITS) largest = magnitude;
  }
  return largest;
}

/** The words of float32 values, without a copy. */
export function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
