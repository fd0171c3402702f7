/** 32 well-spread bits from a number and a salt; the same on every machine. */
export function hash(index: number, salt: number): number {
  let bits = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return (bits ^ (bits >>> 15)) >>> 0;
}

/** A number in [0, 1). */
export function uniform(index: number, salt: number): number {
  return hash(index, salt) / 2 ** 32;
}

/** Numbers of a normal distribution (mean 0, deviation 1), by Box and Muller. */
export function normals(count: number, salt: number): Float32Array {
  const values = new Float32Array(count);
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(index, salt)));
    const angle = 2 * Math.PI * uniform(index + 1, salt);
    values[index] = radius * Math.cos(angle);
    if (index + 1 < count) values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}
