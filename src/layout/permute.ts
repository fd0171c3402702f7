import { ParameterError, PreshuffleError } from '../errors.ts';
import { copyInBlocks } from './block-copy.ts';
import { type ByteSquares, copyBox, copyByteSquares } from './copy-kernels.ts';
import type { Layout } from './layout.ts';
import { type CopyBox, type CopyLoop, mergeLoops, planRelayout } from './relayout-plan.ts';
import { blockKernels } from './wasm-kernels.ts';

export interface PermuteOptions {
  /** Byte written where the target layout pads. Default 0. */
  readonly fill?: number;
  /** Write here instead of into a new array. Must not overlap the source. */
  readonly out?: Uint8Array;
}

/**
 * Moves elements from one layout to another of the same logical shape. Copies runs, not elements.
 *
 * @param bytes storage of `from`: `from.storageSize * bits / 8` bytes, not changed
 * @param bits bits of an element: 4, 8, 16, 32 or 64
 * @returns storage of `to`; its padding holds `fill`
 * @throws PreshuffleError when shapes or lengths disagree
 */
export function permute(
  bytes: Uint8Array,
  from: Layout,
  to: Layout,
  bits: number,
  options: PermuteOptions = {},
): Uint8Array {
  const { fill = 0 } = options;
  checkArguments(bytes, from, to, bits, fill);
  const length = byteLength(to, bits);
  const out = options.out ?? new Uint8Array(length);
  if (out.length !== length)
    throw new ParameterError('permute', 'out', `has ${out.length} bytes, expected ${length} for ${to.id}.`);
  if (to.storageSize !== to.size && (fill !== 0 || options.out !== undefined)) out.fill(fill);
  const boxes = planRelayout(from, to);
  if (boxes === undefined) copyElements(bytes, out, from, to, bits);
  else for (const box of boxes) copyInUnits(bytes, out, box, bits);
  return out;
}

function byteLength(layout: Layout, bits: number): number {
  return Math.ceil((layout.storageSize * bits) / 8);
}

function checkArguments(bytes: Uint8Array, from: Layout, to: Layout, bits: number, fill: number): void {
  if (![4, 8, 16, 32, 64].includes(bits))
    throw new ParameterError('permute', 'bits', `is ${bits}, expected 4, 8, 16, 32 or 64.`);
  if (!Number.isInteger(fill) || fill < 0 || fill > 255)
    throw new ParameterError('permute', 'fill', `is ${fill}, expected a byte 0..255.`);
  if (from.shape.length !== to.shape.length || from.shape.some((size, axis) => size !== to.shape[axis])) {
    throw new PreshuffleError(
      'permute-shape',
      `permute: source layout ${from.id} is bound to [${from.shape.join(', ')}], target layout ${to.id} to ` +
        `[${to.shape.join(', ')}]. Bind both to the tensor's logical shape.`,
    );
  }
  if (bytes.length !== byteLength(from, bits)) {
    throw new PreshuffleError(
      'permute-length',
      `permute: ${bytes.length} bytes were given, but ${from.id} [${from.shape.join(', ')}] of ${bits}-bit elements takes ${byteLength(from, bits)}.`,
    );
  }
}

/** Turns a box in elements into one in the widest unit that all its offsets allow, and copies it. */
function copyInUnits(bytes: Uint8Array, out: Uint8Array, box: CopyBox, bits: number): void {
  const inBytes = bits === 4 ? halve(box) : scaleUp(box, bits / 8);
  if (inBytes === undefined) {
    copyNibbles(bytes, out, box);
    return;
  }
  const kernels = blockKernels();
  if (kernels !== undefined && copyInBlocks(bytes, out, inBytes, kernels)) return;
  const aligned = bytes.byteOffset % 4 === 0 && out.byteOffset % 4 === 0;
  const inWords = aligned ? divideBox(inBytes, 4) : undefined;
  if (inWords !== undefined) {
    copyBox(wordsOf(bytes), wordsOf(out), inWords);
    return;
  }
  const squares = aligned ? byteSquares(inBytes) : undefined;
  if (squares !== undefined) copyByteSquares(wordsOf(bytes), wordsOf(out), inBytes.from / 4, inBytes.to / 4, squares);
  else copyBox(bytes, out, inBytes);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  // No `>> 2`: it works on 32 bits and turns the length of 2 GiB negative.
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
}

/** The box in bytes, for elements of whole bytes. */
function scaleUp(box: CopyBox, width: number): CopyBox {
  if (width === 1) return box;
  const loops = box.loops.map(({ size, from, to }) => ({ size, from: from * width, to: to * width }));
  return { from: box.from * width, to: box.to * width, loops: mergeLoops([...loops, { size: width, from: 1, to: 1 }]) };
}

/** The box in bytes, for nibbles that move in pairs; undefined when some pair is torn apart. */
function halve(box: CopyBox): CopyBox | undefined {
  return divideBox(box, 2);
}

/** The box in units of `width`, when its runs and all its offsets are whole units. */
function divideBox(box: CopyBox, width: number): CopyBox | undefined {
  const last = box.loops.at(-1);
  if (last === undefined || last.from !== 1 || last.to !== 1 || last.size % width !== 0) return undefined;
  const outer = box.loops.slice(0, -1);
  if (!allMultiples(outer, width) || box.from % width !== 0 || box.to % width !== 0) return undefined;
  const loops = outer.map(({ size, from, to }) => ({ size, from: from / width, to: to / width }));
  return {
    from: box.from / width,
    to: box.to / width,
    loops: mergeLoops([...loops, { size: last.size / width, from: 1, to: 1 }]),
  };
}

function allMultiples(loops: readonly CopyLoop[], width: number): boolean {
  return loops.every(({ from, to }) => from % width === 0 && to % width === 0);
}

/**
 * Recognises 4x4 byte squares: four neighbouring target bytes lie in four source words, and four neighbouring source bytes
 * in four target words.
 */
function byteSquares(box: CopyBox): ByteSquares | undefined {
  const target: CopyLoop[] = [];
  let width = 1;
  for (const loop of box.loops.toReversed()) {
    if (width === 4 || loop.to !== width || loop.from === 1 || 4 % (width * loop.size) !== 0) break;
    target.push(loop);
    width *= loop.size;
  }
  const source = box.loops.find(({ from, size }) => from === 1 && size % 4 === 0);
  if (width !== 4 || source === undefined || target.includes(source) || source.to % 4 !== 0) return undefined;
  const others = box.loops.filter((loop) => loop !== source && !target.includes(loop));
  const blocks = source.size / 4 > 1 ? [{ size: source.size / 4, from: 4, to: source.to * 4 }] : [];
  const outer = [...others, ...blocks];
  if (!allMultiples(outer, 4) || target.some(({ from }) => from % 4 !== 0) || box.from % 4 !== 0 || box.to % 4 !== 0)
    return undefined;
  const lane = (index: number): number => {
    let rest = index;
    return target.reduce((offset, { size, from }) => {
      const digit = rest % size;
      rest = (rest - digit) / size;
      return offset + (digit * from) / 4;
    }, 0);
  };
  const loops = mergeLoops(outer.map(({ size, from, to }) => ({ size, from: from / 4, to: to / 4 })));
  return { lanes: [lane(0), lane(1), lane(2), lane(3)], step: source.to / 4, loops };
}

function copyNibbles(bytes: Uint8Array, out: Uint8Array, box: CopyBox): void {
  const visit = (depth: number, from: number, to: number): void => {
    const loop = box.loops[depth];
    if (loop === undefined) {
      moveNibble(bytes, from, out, to);
      return;
    }
    for (let index = 0; index < loop.size; index += 1) visit(depth + 1, from + index * loop.from, to + index * loop.to);
  };
  visit(0, box.from, box.to);
}

function moveNibble(bytes: Uint8Array, from: number, out: Uint8Array, to: number): void {
  const code = ((bytes[Math.floor(from / 2)] as number) >> ((from % 2) * 4)) & 15;
  const shift = (to % 2) * 4;
  const index = Math.floor(to / 2);
  out[index] = ((out[index] as number) & ~(15 << shift)) | (code << shift);
}

/** For layouts whose digits do not nest: one element at a time. */
function copyElements(bytes: Uint8Array, out: Uint8Array, from: Layout, to: Layout, bits: number): void {
  const width = bits / 8;
  for (let offset = 0; offset < from.storageSize; offset += 1) {
    const coord = from.coord(offset);
    if (coord === undefined) continue;
    const target = to.offset(coord);
    if (bits === 4) moveNibble(bytes, offset, out, target);
    else
      for (let byte = 0; byte < width; byte += 1) out[target * width + byte] = bytes[offset * width + byte] as number;
  }
}
