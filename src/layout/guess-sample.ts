import { type ElementType, elementBits } from '../formats/element-type.ts';
import { codeReader } from '../formats/read-codes.ts';
import { magnitudeReader } from './guess-magnitude.ts';
import { meanOf } from './guess-regression.ts';

/** The stored elements that every candidate predicts. */
export class Sample {
  readonly bytes: Uint8Array;
  readonly offsets: Float64Array;
  readonly values: Float64Array;
  readonly mean: number;
  readonly magnitude: (offset: number) => number;
  readonly code: (offset: number) => number;
  readonly isWhole: boolean;
  readonly seed: number;

  constructor(bytes: Uint8Array, type: ElementType, count: number, seed: number) {
    const bits = elementBits(type);
    const total = Math.floor((bytes.length * 8) / bits);
    const random = randomFrom(seed);
    this.bytes = bytes;
    this.seed = seed;
    this.isWhole = total <= count;
    this.offsets = this.isWhole
      ? shuffled(total, random)
      : Float64Array.from({ length: count }, () => Math.floor(random() * total));
    this.magnitude = magnitudeReader(bytes, type, [...this.offsets.subarray(0, 4096)]);
    this.code = codeReader(bytes, bits);
    this.values = this.offsets.map(this.magnitude);
    this.mean = meanOf(this.values);
  }
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let hash = Math.imul(state ^ (state >>> 15), 1 | state);
    hash = (hash + Math.imul(hash ^ (hash >>> 7), 61 | hash)) ^ hash;
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** 0 … total - 1 in random order. */
function shuffled(total: number, random: () => number): Float64Array {
  const out = Float64Array.from({ length: total }, (_, at) => at);
  for (let at = total - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const kept = out[at] as number;
    out[at] = out[other] as number;
    out[other] = kept;
  }
  return out;
}
