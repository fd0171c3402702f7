import { decode } from '../../src/formats/decode.ts';
import { encodeArray } from '../../src/formats/encode-array.ts';
import { mxScaleByte } from '../../src/formats/mx-scale.ts';
import { packNibbles } from '../../src/formats/pack.ts';

/** Seeded numbers in [0, 1) and from the normal distribution. */
export function randomOf(seed: number): { uniform(): number; normal(): number } {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let hash = Math.imul(state ^ (state >>> 15), 1 | state);
    hash ^= hash + Math.imul(hash ^ (hash >>> 7), 61 | hash);
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

export interface WeightLook {
  /** Standard deviation of the logarithm of a row's, and of a column's magnitude. */
  readonly rowSpread?: number;
  readonly columnSpread?: number;
  /** Gate and up rows have column profiles of their own. */
  readonly gateUp?: boolean;
  /** Zero rows at the end of each half, and zero columns at the end. */
  readonly zeroRows?: number;
  readonly zeroColumns?: number;
}

/** A matrix stack like trained weights: normal values, rows and columns of different magnitude, a few outlier channels. */
export function realisticWeights(shape: readonly number[], seed: number, look: WeightLook = {}): Float32Array {
  const { rowSpread = 0.2, columnSpread = 0.25, gateUp = false, zeroRows = 0, zeroColumns = 0 } = look;
  const [rows = 1, columns = 1] = shape.slice(-2);
  const stacks = shape.slice(0, -2).reduce((all, size) => all * size, 1);
  const { uniform, normal } = randomOf(seed);
  const profile = (): number[] =>
    Array.from({ length: columns }, () => Math.exp(columnSpread * normal()) * (uniform() < 0.01 ? 4 : 1));
  const out = new Float32Array(stacks * rows * columns);
  const shared = profile();
  let at = 0;
  for (let stack = 0; stack < stacks; stack += 1) {
    const halves = [0, 1].map(() => (gateUp ? profile().map((value, k) => value * (shared[k] as number)) : shared));
    for (let row = 0; row < rows; row += 1) {
      const half = row < rows / 2 ? 0 : 1;
      const size = Math.exp(rowSpread * normal()) * 0.02;
      const isZeroRow = row % (rows / 2) >= rows / 2 - zeroRows;
      for (let column = 0; column < columns; column += 1) {
        const value = normal() * size * ((halves[half] as number[])[column] as number);
        out[at] = isZeroRow || column >= columns - zeroColumns ? 0 : value;
        at += 1;
      }
    }
  }
  return out;
}

/** Quantised to e4m3fn with one float32 scale a 128x128 block (`[…, N, K]` of one matrix after another). */
export function quantiseFp8(
  weights: Float32Array,
  shape: readonly number[],
): { codes: Uint8Array; scales: Float32Array } {
  const [rows = 1, columns = 1] = shape.slice(-2);
  const stacks = weights.length / (rows * columns);
  const across = Math.ceil(columns / 128);
  const down = Math.ceil(rows / 128);
  const scales = new Float32Array(stacks * down * across);
  const scaled = new Float32Array(weights.length);
  const blockOf = (index: number): number => {
    const column = index % columns;
    const row = Math.floor(index / columns);
    const inner = row % rows;
    return (Math.floor(row / rows) * down + Math.floor(inner / 128)) * across + Math.floor(column / 128);
  };
  for (const [index, value] of weights.entries()) {
    const block = blockOf(index);
    scales[block] = Math.max(scales[block] as number, Math.abs(value) / 448, 1e-12);
  }
  for (const [index, value] of weights.entries()) scaled[index] = value / (scales[blockOf(index)] as number);
  return { codes: encodeArray('e4m3fn', scaled, { saturate: true }), scales };
}

/** Quantised to packed e2m1 with an e8m0 scale for 32 elements of a row. */
export function quantiseMxfp4(weights: Float32Array): { bytes: Uint8Array; scales: Uint8Array } {
  const scales = new Uint8Array(weights.length / 32);
  const scaled = new Float32Array(weights.length);
  for (let group = 0; group < scales.length; group += 1) {
    const part = weights.subarray(group * 32, group * 32 + 32);
    const amax = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const byte = amax === 0 ? 0 : mxScaleByte(amax, 'e2m1', 'RoundUp');
    scales[group] = byte;
    const scale = decode('e8m0', byte);
    for (const [at, value] of part.entries()) scaled[group * 32 + at] = value / scale;
  }
  return { bytes: packNibbles(encodeArray('e2m1', scaled, { saturate: true })), scales };
}
