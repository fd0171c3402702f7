import { type EncodeOptions, encodeArray } from '../../formats/encode.ts';
import { f32FromBits } from '../../formats/f32.ts';
import { amaxBits, amaxBitsIgnoringNaN, wordsOf } from './amax.ts';

/** Element formats that a block is quantised to. */
export type CodeFormat = 'e4m3fn' | 'e4m3fnuz' | 'e2m1';

/** A matrix and the blocks that share a scale. Blocks at the right and lower edge may be cut off. */
export interface BlockGrid {
  readonly rows: number;
  readonly columns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
}

/** The arithmetic of one producer. Every number is a float32; every step rounds once, to nearest even. */
export interface BlockRule {
  /** `fmaxf` semantics for the largest magnitude. Otherwise a NaN becomes the largest magnitude. */
  readonly ignoreNaN: boolean;
  /** The scale that is stored, from the largest magnitude of the block. */
  scale(amax: number): number;
  /** What elements are combined with; the scale itself, its inverse, or something close to it. */
  step(scale: number, amax: number): number;
  readonly by: 'divide' | 'multiply';
  /**
   * Before the rounding to a code: `clamp` keeps a NaN, `med3` is AMD's median of (x, -max, max), which turns a NaN into
   * -max.
   */
  readonly limit: 'none' | 'clamp' | 'med3';
  /** Limit of `clamp` and `med3`. */
  readonly max: number;
}

export interface QuantizedBlocks {
  /** One code a byte, in the order of the matrix. */
  readonly codes: Uint8Array;
  /** One scale a block, row-major. */
  readonly scales: Float32Array;
}

/** Elements that are scaled before they are encoded together: small enough for the cache, large enough for the loops. */
const CHUNK = 16384;

/** Bits of the one NaN that is written, so that results do not depend on which NaN a machine makes. */
const CANONICAL_NAN = 0x7fc00000;

export function blocksAcross(grid: BlockGrid): number {
  return Math.ceil(grid.columns / grid.blockColumns);
}

export function blocksDown(grid: BlockGrid): number {
  return Math.ceil(grid.rows / grid.blockRows);
}

/** One group after another along each row. */
export function rowGroups(rows: number, columns: number, group: number): BlockGrid {
  return { rows, columns, blockRows: 1, blockColumns: group };
}

/** Scales every block by its largest magnitude and encodes it. */
export function quantizeBlocks(
  values: Float32Array,
  grid: BlockGrid,
  rule: BlockRule,
  format: CodeFormat,
  options: EncodeOptions = {},
): QuantizedBlocks {
  const scaled = scaleBlocks(values, grid, rule);
  const codes = encodeBlocks(values, grid, rule, scaled, (part, out) => encodeArray(format, part, options, out));
  return { codes, scales: scaled.scales };
}

/** Combines every element with the step of its block, limits it, and encodes it: the second half of `quantizeBlocks`. */
export function encodeBlocks(
  values: Float32Array,
  grid: BlockGrid,
  rule: BlockRule,
  { steps, hasNaN }: BlockScales,
  encode: (scaled: Float32Array, codes: Uint8Array) => void,
): Uint8Array {
  const { rows, columns, blockRows, blockColumns } = grid;
  const across = blocksAcross(grid);
  const codes = new Uint8Array(rows * columns);
  const chunkRows = Math.max(1, Math.floor(CHUNK / columns));
  const scaled = new Float32Array(Math.min(rows, chunkRows) * columns);
  for (let first = 0; first < rows; first += chunkRows) {
    const count = Math.min(chunkRows, rows - first) * columns;
    const origin = first * columns;
    for (let at = 0; at < count; at += columns) {
      const blockRow = Math.floor((first + at / columns) / blockRows) * across;
      for (let column = 0, block = blockRow; column < columns; column += blockColumns, block += 1) {
        const from = origin + at + column;
        const to = origin + at + Math.min(columns, column + blockColumns);
        scaleSegment(rule, values, from, to, steps[block] as number, scaled, at + column);
        if (hasNaN[block] === 1) canonicalizeNaNs(scaled, at + column, at + column + to - from);
      }
    }
    encode(scaled.subarray(0, count), codes.subarray(origin, origin + count));
  }
  return codes;
}

/** What the elements of every block are combined with, one entry a block, row-major. */
export interface BlockScales {
  readonly scales: Float32Array;
  readonly steps: Float32Array;
  /** 1 where scaling the block may give NaNs. */
  readonly hasNaN: Uint8Array;
}

/** The scales of all blocks: the first half of `quantizeBlocks`. */
export function scaleBlocks(values: Float32Array, grid: BlockGrid, rule: BlockRule): BlockScales {
  const words = wordsOf(values);
  const { rows, columns, blockRows, blockColumns } = grid;
  const across = blocksAcross(grid);
  const count = across * blocksDown(grid);
  const largest = new Uint32Array(count);
  const counted = rule.ignoreNaN ? new Uint32Array(count) : largest;
  for (let row = 0; row < rows; row += 1) {
    let block = Math.floor(row / blockRows) * across;
    for (let column = 0; column < columns; column += blockColumns, block += 1) {
      const from = row * columns + column;
      const to = row * columns + Math.min(columns, column + blockColumns);
      const bits = amaxBits(words, from, to);
      if (bits > (largest[block] as number)) largest[block] = bits;
      if (!rule.ignoreNaN) continue;
      const known = bits > 0x7f800000 ? amaxBitsIgnoringNaN(words, from, to) : bits;
      if (known > (counted[block] as number)) counted[block] = known;
    }
  }
  const scales = new Float32Array(count);
  const steps = new Float32Array(count);
  const hasNaN = new Uint8Array(count);
  for (let block = 0; block < count; block += 1) {
    const amax = f32FromBits(counted[block] as number);
    const scale = rule.scale(amax);
    const step = rule.step(scale, amax);
    scales[block] = scale;
    steps[block] = step;
    hasNaN[block] = (largest[block] as number) >= 0x7f800000 || Number.isNaN(step) ? 1 : 0;
  }
  return { scales, steps, hasNaN };
}

function scaleSegment(
  rule: BlockRule,
  values: Float32Array,
  from: number,
  to: number,
  step: number,
  out: Float32Array,
  at: number,
): void {
  const shift = at - from;
  // Stores to a Float32Array round to nearest even. A float64 quotient or product of float32 numbers, rounded again,
  // is correctly rounded (53 >= 2 * 24 + 2 bits).
  if (rule.by === 'divide') {
    for (let index = from; index < to; index += 1) out[index + shift] = (values[index] as number) / step;
  } else {
    for (let index = from; index < to; index += 1) out[index + shift] = (values[index] as number) * step;
  }
  const { limit, max } = rule;
  if (limit === 'clamp') {
    for (let index = from + shift; index < to + shift; index += 1) {
      const value = out[index] as number;
      if (value > max) out[index] = max;
      else if (value < -max) out[index] = -max;
    }
  } else if (limit === 'med3') {
    for (let index = from + shift; index < to + shift; index += 1) {
      const value = out[index] as number;
      if (value > max) out[index] = max;
      else if (!(value >= -max)) out[index] = -max;
    }
  }
}

function canonicalizeNaNs(values: Float32Array, from: number, to: number): void {
  const words = wordsOf(values);
  for (let index = from; index < to; index += 1) {
    if (Number.isNaN(values[index])) words[index] = CANONICAL_NAN;
  }
}
