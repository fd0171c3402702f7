import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import { type MxScaleMode, mxScaleByte } from '../../formats/mx-scale.ts';
import type { ErrorBound } from '../op.ts';
import {
  bf16Input,
  codeInput,
  type MoeElement,
  quantizeRows,
  type ScaleJump,
  type UncertainInput,
} from './moe-input.ts';
import { MX_BLOCK } from './moe-operands.ts';

/** The bf16 values that implementations within a bound may have rounded to. */
interface Bf16Interval {
  readonly value: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** Rows of which nothing is known, because an element may overflow in one implementation and not in another. */
  readonly open: ReadonlySet<number>;
}

/**
 * h as the second stage reads it in bf16. Where the exact h lies within its error of a tie, the neighbouring code is as right as
 * ours.
 */
export function uncertainBf16(h: ErrorBound, columns: number): UncertainInput {
  const { value, low, high, open } = bf16Interval(h, columns);
  const spread = Float64Array.from(value, (middle, i) => around(middle, low[i] as number, high[i] as number));
  return { ...bf16Input(value, columns), spread, open };
}

/**
 * h as the second stage reads it after bf16 and another quantisation. An element's code may be a neighbour; where the largest
 * element of a block lies next to a threshold of the scale, all of its codes may be others.
 */
export function uncertainQuantized(
  h: ErrorBound,
  columns: number,
  element: MoeElement,
  mode: MxScaleMode,
): UncertainInput {
  const interval = bf16Interval(h, columns);
  const open = new Set(interval.open);
  const quantized = quantizeRows(interval.value, columns, element, mode);
  const input = codeInput(quantized, columns, element);
  const spread = new Float64Array(input.values.length);
  const jumps: ScaleJump[] = [];
  const across = columns / MX_BLOCK;
  quantized.scales.forEach((scale, block) => {
    const row = Math.floor(block / across);
    const part = cut(interval, block);
    // A NaN block is NaN for everyone, or its row is open already.
    if (open.has(row) || Number.isNaN(scale) || isCertain(part)) return;
    const exact = input.values.subarray(block * MX_BLOCK, (block + 1) * MX_BLOCK);
    const found = blockSpread({ ...part, exact, scale }, element, mode);
    if (found === undefined) {
      open.add(row);
      return;
    }
    spread.set(found.spread, block * MX_BLOCK);
    if (found.alternatives.length > 0) jumps.push({ row, block: block % across, alternatives: found.alternatives });
  });
  return { ...input, spread, jumps, open };
}

function bf16Interval({ exact, error }: ErrorBound, columns: number): Bf16Interval {
  const rounded = (offset: -1 | 0 | 1): Float32Array =>
    decodeArray(
      'bf16',
      encodeArray('bf16', offset === 0 ? exact : exact.map((value, i) => value + offset * (error[i] as number))),
    );
  const [value, low, high] = [rounded(0), rounded(-1), rounded(1)];
  const open = new Set<number>();
  value.forEach((middle, i) => {
    const certain = Object.is(low[i], high[i]) && error[i] !== Number.POSITIVE_INFINITY;
    const finite = Number.isFinite(middle) && Number.isFinite(low[i]) && Number.isFinite(high[i]);
    if (!certain && !finite) open.add(Math.floor(i / columns));
  });
  return { value, low, high, open };
}

type Part = Pick<Bf16Interval, 'value' | 'low' | 'high'>;

function cut({ value, low, high }: Bf16Interval, block: number): Part {
  const [from, to] = [block * MX_BLOCK, (block + 1) * MX_BLOCK];
  return { value: value.subarray(from, to), low: low.subarray(from, to), high: high.subarray(from, to) };
}

function isCertain({ low, high }: Part): boolean {
  return low.every((value, i) => value === high[i]);
}

interface UncertainBlock extends Part {
  /** The values that our codes and scale stand for. */
  readonly exact: Float64Array;
  readonly scale: number;
}

type BlockSpread = Pick<ScaleJump, 'alternatives'> & { readonly spread: Float64Array };

/** More scales than these come into question only where the error is larger than the block. */
const MOST_SCALES = 4;

/** Returns undefined where nothing is known. */
function blockSpread(block: UncertainBlock, element: MoeElement, mode: MxScaleMode): BlockSpread | undefined {
  const { value, low, high, exact } = block;
  let least = 0;
  let most = 0;
  for (let i = 0; i < MX_BLOCK; i += 1) {
    const [a, b] = [low[i] as number, high[i] as number];
    const nearest = a <= 0 && b >= 0 ? 0 : Math.min(Math.abs(a), Math.abs(b));
    least = Math.max(least, nearest);
    most = Math.max(most, Math.abs(a), Math.abs(b));
  }
  const first = mxScaleByte(least, element, mode);
  const last = mxScaleByte(most, element, mode);
  if (last === 255) return undefined;
  if (last - first >= MOST_SCALES) return wideSpread(block, element, mode);
  const under = (scale: number): Part => {
    const read = (values: Float32Array): Float32Array => reread(values, element, mode, scale);
    return { value: read(value), low: read(low), high: read(high) };
  };
  const alternatives: ScaleJump['alternatives'][number][] = [];
  let spread = new Float64Array(MX_BLOCK);
  for (let byte = first; byte <= last; byte += 1) {
    const scale = 2 ** (byte - 127);
    const other = under(scale);
    // e4m3fn has no infinity: what does not fit under a smaller scale is NaN.
    if ([...other.low, ...other.high].some(Number.isNaN)) return undefined;
    const own = Float64Array.from(other.value, (middle, i) =>
      around(middle, other.low[i] as number, other.high[i] as number),
    );
    if (scale === block.scale) spread = own;
    else alternatives.push({ delta: Float64Array.from(other.value, (v, i) => v - (exact[i] as number)), spread: own });
  }
  return { spread, alternatives };
}

/** Quantising to nearest at most doubles a magnitude. */
function wideSpread(
  { low, high, exact }: UncertainBlock,
  element: MoeElement,
  mode: MxScaleMode,
): BlockSpread | undefined {
  if (element === 'e4m3fn' && (mode === 'RoundDown' || mode === 'Even')) return undefined;
  const spread = Float64Array.from(
    exact,
    (value, i) => Math.abs(value) + 2 * Math.max(Math.abs(low[i] as number), Math.abs(high[i] as number)),
  );
  return { spread, alternatives: [] };
}

/** What values become that are quantised with a scale and read again. */
function reread(values: Float32Array, element: MoeElement, mode: MxScaleMode, scale: number): Float32Array {
  const { codes } = quantizeRows(values, MX_BLOCK, element, mode, scale);
  return decodeArray(element, codes).map((code) => code * scale);
}

/** How far the ends of an interval lie from a value inside. */
function around(value: number, low: number, high: number): number {
  return Math.max(high - value, value - low, 0);
}
