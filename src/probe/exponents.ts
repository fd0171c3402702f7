import { hash } from './hash.ts';

/** Exponents that scales take: a prime number of them, more than there are distances to keep apart. */
export const EXPONENTS = 13;

/** Largest exponent, as a biased byte: 2^-4. The smallest is 12 below, 2^-16. */
const TOP = 123;

/** Distances at which neighbours in tiles, lanes and blocks lie, of every kernel that this package knows. */
export const DISTANCES: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Distances beyond `DISTANCES` that a generator can keep apart: each excludes one exponent. */
const MOST_TILES = EXPONENTS - 1 - DISTANCES.length;

/**
 * Numbers 0 .. 12 in an order without a period, such that no two at a distance of `DISTANCES` or of `tiles` are equal.
 * @param tiles further distances, e.g. the rows of an expert; at most three count
 */
export function nonRepeating(length: number, salt: number, tiles: readonly number[] = []): Uint8Array {
  const extra = [...new Set(tiles)].filter((tile) => tile > 0 && !DISTANCES.includes(tile)).slice(0, MOST_TILES);
  const distances = [...DISTANCES, ...extra];
  const sequence = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) {
    const excluded = new Set(distances.filter((by) => by <= index).map((by) => sequence[index - by]));
    const first = hash(index, salt);
    // The number of exponents is prime, so that any step visits all of them.
    const step = 1 + ((first >>> 8) % (EXPONENTS - 1));
    let exponent = first % EXPONENTS;
    while (excluded.has(exponent)) exponent = (exponent + step) % EXPONENTS;
    sequence[index] = exponent;
  }
  return sequence;
}

export interface ExponentTiles {
  readonly rows?: readonly number[];
  readonly columns?: readonly number[];
}

/**
 * Biased exponent bytes [rows, columns], 111 .. 123: no two in one row or in one column are equal at a distance of 1, 2, 4, … 256 or of
 * a given tile. So a scale read from a neighbouring tile, lane or block is always another number, which random scales are not.
 */
export function scaleExponents(rows: number, columns: number, salt: number, tiles: ExponentTiles = {}): Uint8Array {
  const down = nonRepeating(rows, 2 * salt, tiles.rows);
  const across = nonRepeating(columns, 2 * salt + 1, tiles.columns);
  const bytes = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const sum = (down[row] as number) + (across[column] as number);
      bytes[row * columns + column] = TOP - (sum % EXPONENTS);
    }
  }
  return bytes;
}
