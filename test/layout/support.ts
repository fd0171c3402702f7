/** Every coordinate of a shape, last dimension fastest. */
export function* everyCoord(shape: readonly number[]): Generator<number[]> {
  const size = shape.reduce((product, value) => product * value, 1);
  for (let index = 0; index < size; index += 1) {
    let rest = index;
    yield shape
      .toReversed()
      .map((dim) => {
        const value = rest % dim;
        rest = Math.floor(rest / dim);
        return value;
      })
      .toReversed();
  }
}

/** The byte pattern of the published hash vectors: `(131 i + 17 (i >> 8) + 7) & 255`. */
export function pattern(count: number, a = 131, b = 17, c = 7): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i * a + (i >> 8) * b + c);
}
