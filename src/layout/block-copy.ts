import { copyBox } from './copy-kernels.ts';
import { type CopyBox, type CopyLoop, mergeLoops } from './relayout-plan.ts';
import { BLOCK_BYTES, type BlockKernels } from './wasm-kernels.ts';

/** Shorter runs in or out of the scratch memory cost more in calls of `set` than the kernels win (measured). */
const SHORTEST_RUN = 1024;

/** Below this a copy is not worth the planning. */
const SMALLEST_BOX = 4096;

type Kernel = (from: number, to: number) => void;

/**
 * Copies a box of bytes block by block through the scratch memory of `kernels`: runs of the source into it, the permutation
 * inside the cache, runs of the target out of it. Any alignment.
 *
 * @returns false, with nothing copied, when the box does not suit the kernels
 */
export function copyInBlocks(source: Uint8Array, target: Uint8Array, box: CopyBox, kernels: BlockKernels): boolean {
  const last = box.loops.at(-1);
  if (volume(box.loops) < SMALLEST_BOX || (last?.from === 1 && last.to === 1 && last.size >= SHORTEST_RUN))
    return false;
  const inner = chooseBlock(box.loops);
  if (shortestRun(inner) < SHORTEST_RUN) return false;
  const compactFrom = compact(inner, 'from');
  const compactTo = compact(inner, 'to');
  const bySource = inner.map((loop, index) => ({ ...loop, to: compactFrom[index] as number }));
  const byTarget = inner.map((loop, index) => ({ ...loop, from: compactTo[index] as number }));
  const within = mergeLoops(
    inner.map(({ size }, index) => ({ size, from: compactFrom[index] as number, to: compactTo[index] as number })),
  );
  const kernel = piecesKernel(within, kernels) ?? scaleKernel(within, kernels);
  if (kernel === undefined) return false;
  const load = mergeLoops(bySource);
  const store = mergeLoops(byTarget);
  const outer = box.loops.map(({ size, from, to }, index) => {
    const part = inner[index]?.size ?? 1;
    return { size: Math.floor(size / part), from: from * part, to: to * part };
  });
  visit(outer, box.from, box.to, (from, to) => {
    copyBox(source, kernels.source, { from, to: 0, loops: load });
    kernel(kernels.source.byteOffset, kernels.target.byteOffset);
    copyBox(kernels.target, target, { from: 0, to, loops: store });
  });
  for (const rest of restBoxes(box, inner))
    if (!copyInBlocks(source, target, rest, kernels)) copyBox(source, target, rest);
  return true;
}

function volume(loops: readonly CopyLoop[]): number {
  return loops.reduce((product, { size }) => product * size, 1);
}

/** The part of each loop that goes into one block: cut where it leaves the longest runs on both sides. */
function chooseBlock(loops: readonly CopyLoop[]): readonly CopyLoop[] {
  let block = loops;
  while (volume(block) > BLOCK_BYTES) {
    const cuts = block.flatMap((loop, index) => {
      if (loop.size === 1) return [];
      const most = Math.floor(BLOCK_BYTES / (volume(block) / loop.size));
      return [block.with(index, { ...loop, size: evenPart(loop.size, Math.max(1, most)) })];
    });
    block = cuts.reduce((best, cut) => {
      const gain = shortestRun(cut) - shortestRun(best);
      return gain > 0 || (gain === 0 && volume(cut) > volume(best)) ? cut : best;
    });
  }
  return block;
}

/** Divides a loop into parts of about equal size, at most `most` each; even, because the kernel for scales takes pairs. */
function evenPart(size: number, most: number): number {
  const part = Math.ceil(size / Math.ceil(size / most));
  if (part % 2 === 0 || part < 3) return part;
  return part < most ? part + 1 : part - 1;
}

function shortestRun(loops: readonly CopyLoop[]): number {
  return Math.min(runLength(loops, 'from'), runLength(loops, 'to'));
}

function runLength(loops: readonly CopyLoop[], side: 'from' | 'to'): number {
  let run = 1;
  for (const loop of loops.filter(({ size }) => size > 1).toSorted((a, b) => a[side] - b[side])) {
    if (loop[side] !== run) break;
    run *= loop.size;
  }
  return run;
}

/** Strides of the loops when the bytes of one side are stored without gaps, in the same order. */
function compact(loops: readonly CopyLoop[], side: 'from' | 'to'): readonly number[] {
  return loops.map((loop, index) =>
    volume(loops.filter((other, at) => other[side] < loop[side] || (other[side] === loop[side] && at > index))),
  );
}

/** What is left of each loop when whole blocks are done. */
function restBoxes(box: CopyBox, inner: readonly CopyLoop[]): readonly CopyBox[] {
  return box.loops.flatMap(({ size, from, to }, index) => {
    const done = size - (size % (inner[index]?.size ?? 1));
    if (done === size) return [];
    // Loops before this one are cut to their whole blocks, so that rests of two loops do not overlap.
    const loops = box.loops.map((loop, at) => {
      if (at === index) return { ...loop, size: size - done };
      return at < index ? { ...loop, size: loop.size - (loop.size % (inner[at]?.size ?? 1)) } : loop;
    });
    return [{ from: box.from + done * from, to: box.to + done * to, loops: mergeLoops(loops) }];
  });
}

function visit(loops: readonly CopyLoop[], from: number, to: number, body: Kernel): void {
  const [loop, ...inner] = loops;
  if (loop === undefined) body(from, to);
  else
    for (let index = 0; index < loop.size; index += 1)
      visit(inner, from + index * loop.from, to + index * loop.to, body);
}

const ONCE: CopyLoop = { size: 1, from: 0, to: 0 };

/** For boxes whose runs are whole 16-byte pieces. */
function piecesKernel(loops: readonly CopyLoop[], kernels: BlockKernels): Kernel | undefined {
  const last = loops.at(-1);
  if (last === undefined || last.from !== 1 || last.to !== 1 || last.size % 16 !== 0) return undefined;
  const pieces = [...loops.slice(0, -1), ...(last.size > 16 ? [{ size: last.size / 16, from: 16, to: 16 }] : [])];
  const [a, b, c] = [pieces.at(-3) ?? ONCE, pieces.at(-2) ?? ONCE, pieces.at(-1) ?? ONCE];
  const outer = pieces.slice(0, -3);
  const numbers = [a, b, c].flatMap(({ size, from, to }) => [size, from, to]);
  return (fromBlock, toBlock) => visit(outer, fromBlock, toBlock, (from, to) => kernels.pieces(from, to, ...numbers));
}

/** For e8m0 scale shuffles: two rows by two column groups of four make four neighbouring target bytes. */
function scaleKernel(loops: readonly CopyLoop[], kernels: BlockKernels): Kernel | undefined {
  const pair = loops.find(({ size, to }) => size === 2 && to === 1);
  const group = loops.find(({ size, from, to }) => size === 2 && from === 4 && to === 2);
  const row = loops.find(({ size, to }) => size % 4 === 0 && to === 4);
  const column = loops.find(({ size, from }) => size === 4 && from === 1);
  const tile = loops.find(({ size, from }) => size % 2 === 0 && from === 8);
  if (pair === undefined || group === undefined || row === undefined || column === undefined || tile === undefined)
    return undefined;
  // One loop may answer two descriptions (rows of a pair 8 bytes apart look like column tiles); the kernel needs five.
  if (new Set([pair, group, row, column, tile]).size < 5) return undefined;
  const outer = loops.filter((loop) => ![pair, group, row, column, tile].includes(loop));
  return (fromBlock, toBlock) =>
    visit(outer, fromBlock, toBlock, (from, to) => {
      kernels.scaleTiles(from, to, pair.from, row.from, column.to, tile.to, row.size / 4, tile.size / 2);
    });
}
