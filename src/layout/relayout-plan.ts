import type { LayoutDim } from './dim.ts';
import type { Layout } from './layout.ts';

/** One loop of a copy: how far source and target move with each step. */
export interface CopyLoop {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** A rectangular part of a copy. Loops are outermost in the target first; an empty list is one element. */
export interface CopyBox {
  readonly from: number;
  readonly to: number;
  readonly loops: readonly CopyLoop[];
}

/**
 * Breaks the copy between two layouts of one logical shape into boxes of nested loops, in elements.
 *
 * Both layouts split each dimension into digits. Splitting both at the same places gives digits that are a loop with one
 * source stride and one target stride each. A dimension that does not fill its digits (padding) falls into several boxes,
 * so that no padding is ever read.
 *
 * @returns undefined when the digit boundaries do not nest, e.g. blocks of 16 against blocks of 24
 * @post the boxes visit every logical element once
 */
export function planRelayout(from: Layout, to: Layout): readonly CopyBox[] | undefined {
  let boxes: readonly CopyBox[] = [{ from: 0, to: 0, loops: [] }];
  for (let axis = 0; axis < from.dims.length; axis += 1) {
    const loops = commonDigits(from.dims[axis] as LayoutDim, to.dims[axis] as LayoutDim);
    if (loops === undefined) return undefined;
    const parts = splitRagged(loops, from.dims[axis]?.size ?? 0);
    boxes = boxes.flatMap((box) =>
      parts.map((part) => ({ from: box.from + part.from, to: box.to + part.to, loops: [...box.loops, ...part.loops] })),
    );
  }
  return boxes.map((box) => ({ ...box, loops: mergeLoops(box.loops) }));
}

/** Digits common to both splits of a dimension, outermost first; the outermost is as large as the logical size needs. */
function commonDigits(from: LayoutDim, to: LayoutDim): readonly CopyLoop[] | undefined {
  const sources = cursor(from);
  const targets = cursor(to);
  const loops: CopyLoop[] = [];
  let place = 1;
  while (place < from.size) {
    const a = sources.rest();
    const b = targets.rest();
    const step = Math.min(a, b);
    if (step === Number.POSITIVE_INFINITY) {
      loops.push({ size: Math.ceil(from.size / place), from: sources.stride(), to: targets.stride() });
      break;
    }
    if ((a !== Number.POSITIVE_INFINITY && a % step !== 0) || (b !== Number.POSITIVE_INFINITY && b % step !== 0))
      return undefined;
    loops.push({ size: step, from: sources.stride(), to: targets.stride() });
    sources.take(step);
    targets.take(step);
    place *= step;
  }
  return loops.toReversed();
}

interface DigitCursor {
  /** What is left of the current digit. The outermost digit has no end: what lies beyond the logical size never occurs. */
  rest(): number;
  stride(): number;
  take(count: number): void;
}

function cursor(dim: LayoutDim): DigitCursor {
  const factors = dim.factors.filter(({ size }) => size > 1).toReversed();
  let index = 0;
  let used = 1;
  const isLast = (): boolean => index >= factors.length - 1;
  return {
    rest: () => (isLast() ? Number.POSITIVE_INFINITY : (factors[index]?.size ?? 1) / used),
    stride: () => (factors[index]?.stride ?? 0) * used,
    take(count) {
      used *= count;
      if (!isLast() && used === factors[index]?.size) {
        index += 1;
        used = 1;
      }
    },
  };
}

/** Covers the values 0 .. size-1 of a dimension by boxes of its digits. */
function splitRagged(loops: readonly CopyLoop[], size: number): readonly CopyBox[] {
  const [outer, ...inner] = loops;
  if (outer === undefined) return [{ from: 0, to: 0, loops: [] }];
  const block = inner.reduce((product, loop) => product * loop.size, 1);
  const full = Math.floor(size / block);
  const rest = size - full * block;
  const boxes: CopyBox[] = [];
  if (full > 0) boxes.push({ from: 0, to: 0, loops: [{ ...outer, size: full }, ...inner] });
  if (rest > 0) {
    for (const part of splitRagged(inner, rest)) {
      boxes.push({ from: full * outer.from + part.from, to: full * outer.to + part.to, loops: part.loops });
    }
  }
  return boxes;
}

/** Orders loops so that the target is written front to back, and joins neighbours that chain in source and target. */
export function mergeLoops(loops: readonly CopyLoop[]): readonly CopyLoop[] {
  const sorted = loops.filter(({ size }) => size > 1).toSorted((a, b) => b.to - a.to);
  const merged: CopyLoop[] = [];
  for (const loop of sorted) {
    const outer = merged.at(-1);
    if (outer !== undefined && outer.to === loop.to * loop.size && outer.from === loop.from * loop.size) {
      merged[merged.length - 1] = { ...loop, size: outer.size * loop.size };
    } else merged.push(loop);
  }
  return merged;
}
