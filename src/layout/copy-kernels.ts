import type { CopyBox, CopyLoop } from './relayout-plan.ts';

type Units = Uint8Array | Uint32Array;

/** From this run length on, `TypedArray.set` is faster than a loop (measured; the call costs about 40 ns). */
const LONG_RUN = 64;

/** Copies one box whose offsets count units of `source` and `target`. */
export function copyBox(source: Units, target: Units, box: CopyBox): void {
  const last = box.loops.at(-1);
  const isRun = last !== undefined && last.from === 1 && last.to === 1;
  const run = isRun ? last.size : 1;
  const outer = isRun ? box.loops.slice(0, -1) : box.loops;
  if (run >= LONG_RUN)
    nest(outer, box.from, box.to, 0, (from, to) => target.set(source.subarray(from, from + run), to));
  else if (run === 4 && source instanceof Uint32Array && target instanceof Uint32Array)
    copyPieces(source, target, box, outer);
  else copyShort(source, target, box, outer, run);
}

/** Visits every combination of all but the last `leave` loops. */
function nest(
  loops: readonly CopyLoop[],
  from: number,
  to: number,
  leave: number,
  body: (from: number, to: number) => void,
): void {
  const [loop, ...inner] = loops;
  if (loop === undefined || loops.length <= leave) {
    body(from, to);
    return;
  }
  if (inner.length === leave) {
    for (let index = 0; index < loop.size; index += 1) body(from + index * loop.from, to + index * loop.to);
    return;
  }
  for (let index = 0; index < loop.size; index += 1)
    nest(inner, from + index * loop.from, to + index * loop.to, leave, body);
}

const ONCE: CopyLoop = { size: 1, from: 0, to: 0 };

/**
 * Runs of four words: the piece that every AITER weight shuffle moves. The loops stand in functions of their own that only
 * ever see one kind of array: engines then compile plain loads and stores.
 */
function copyPieces(source: Uint32Array, target: Uint32Array, box: CopyBox, loops: readonly CopyLoop[]): void {
  const a = loops.at(-2) ?? ONCE;
  const b = loops.at(-1) ?? ONCE;
  nest(loops, box.from, box.to, 2, (from, to) => copyPieceRows(source, target, from, to, a, b));
}

function copyPieceRows(
  source: Uint32Array,
  target: Uint32Array,
  from: number,
  to: number,
  a: CopyLoop,
  b: CopyLoop,
): void {
  const { size, from: readStep, to: writeStep } = b;
  for (let i = 0; i < a.size; i += 1) {
    let read = from + i * a.from;
    let write = to + i * a.to;
    for (let j = 0; j < size; j += 1) {
      target[write] = source[read] as number;
      target[write + 1] = source[read + 1] as number;
      target[write + 2] = source[read + 2] as number;
      target[write + 3] = source[read + 3] as number;
      read += readStep;
      write += writeStep;
    }
  }
}

function copyShort(source: Units, target: Units, box: CopyBox, loops: readonly CopyLoop[], run: number): void {
  const a = loops.at(-2) ?? ONCE;
  const b = loops.at(-1) ?? ONCE;
  nest(loops, box.from, box.to, 2, (from, to) => {
    for (let i = 0; i < a.size; i += 1) {
      let read = from + i * a.from;
      let write = to + i * a.to;
      for (let j = 0; j < b.size; j += 1) {
        for (let unit = 0; unit < run; unit += 1) target[write + unit] = source[read + unit] as number;
        read += b.from;
        write += b.to;
      }
    }
  });
}

/** A box in which four neighbouring target bytes come from four source words: see `copyByteSquares`. */
export interface ByteSquares {
  /** Source offsets, in words, of the four words that are transposed together. */
  readonly lanes: readonly [number, number, number, number];
  /** Target words between the four results. */
  readonly step: number;
  readonly loops: readonly CopyLoop[];
}

/** Copies a box as 4x4 byte transposes on 32-bit words: e8m0 scale shuffles move single bytes otherwise. */
export function copyByteSquares(
  source: Uint32Array,
  target: Uint32Array,
  from: number,
  to: number,
  squares: ByteSquares,
): void {
  const a = squares.loops.at(-2) ?? ONCE;
  const b = squares.loops.at(-1) ?? ONCE;
  nest(squares.loops, from, to, 2, (outerFrom, outerTo) => {
    for (let i = 0; i < a.size; i += 1) {
      copySquareRow(source, target, outerFrom + i * a.from, outerTo + i * a.to, b, squares);
    }
  });
}

function copySquareRow(
  source: Uint32Array,
  target: Uint32Array,
  from: number,
  to: number,
  loop: CopyLoop,
  squares: ByteSquares,
): void {
  const { size, from: readStep, to: writeStep } = loop;
  const { lanes, step } = squares;
  const [l0, l1, l2, l3] = lanes;
  let read = from;
  let write = to;
  for (let j = 0; j < size; j += 1) {
    const w0 = source[read + l0] as number;
    const w1 = source[read + l1] as number;
    const w2 = source[read + l2] as number;
    const w3 = source[read + l3] as number;
    const even01 = (w0 & 0x00ff00ff) | ((w1 & 0x00ff00ff) << 8);
    const odd01 = ((w0 >>> 8) & 0x00ff00ff) | (w1 & 0xff00ff00);
    const even23 = (w2 & 0x00ff00ff) | ((w3 & 0x00ff00ff) << 8);
    const odd23 = ((w2 >>> 8) & 0x00ff00ff) | (w3 & 0xff00ff00);
    target[write] = (even01 & 0xffff) | (even23 << 16);
    target[write + step] = (odd01 & 0xffff) | (odd23 << 16);
    target[write + 2 * step] = (even01 >>> 16) | (even23 & 0xffff0000);
    target[write + 3 * step] = (odd01 >>> 16) | (odd23 & 0xffff0000);
    read += readStep;
    write += writeStep;
  }
}
