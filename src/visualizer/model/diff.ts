import { elementBits } from '../../formats/element-type.ts';
import { axisIndexAt, axisOffsets, correctlyRead, type Layout, unravel } from '../../layout/index.ts';
import { type ResolvedLayout, resolveLayout } from './layout-ref.ts';
import { DEFAULT_SCENE, type Scene } from './scene.ts';
import { bindSubject } from './subject.ts';

/** What names a pair: the layout that bytes were written in and the one that they are read as. */
export type PairScene = Pick<Scene, 'a' | 'type' | 'shape' | 'experts'> & { readonly b: string };

/** Bytes of one layout under a reader that takes them for another. */
export interface Pair {
  readonly written: ResolvedLayout;
  readonly read: ResolvedLayout;
  /** Bits of an element. */
  readonly bits: number;
  /** Names of the dimensions: those of the layout that has any. */
  readonly names: readonly string[];
  /** Short name of the tensor: `W`. */
  readonly tensor: string;
  readonly tile: PairTile;
  /** How many elements are read right; exact for any size. */
  readonly right: { readonly correct: number; readonly total: number };
}

/** The smallest piece of the reader's memory that holds whole rows. */
export interface PairTile {
  /** Storage elements. */
  readonly elements: number;
  /** `16 whole rows, 2048 bytes`. */
  readonly text: string;
}

/**
 * What becomes of an element that the reader asks for, nearest first. How far is the distance between the address that is read and
 * the one where the element lies.
 */
export const DIFF_CLASSES = ['right', 'line', 'lane', 'tile', 'far', 'lost'] as const;
export type DiffClass = (typeof DIFF_CLASSES)[number];

/** Bytes of a load of one lane, and of a whole wave of 64. */
const LINE_BYTES = 16;
const WAVE_BYTES = 1024;

/** Above this many elements classes are counted in a sample. */
const COUNTED = 2 ** 21;
const SAMPLE = 2 ** 16;

/**
 * @throws SceneError, ShapeRejectedError, NotationError when a reference is unknown or rejects the shape
 * @throws PreshuffleError when a matrix operand has another shape than the other layout
 */
export function bindPair(scene: PairScene): Pair {
  const bits = elementBits(scene.type);
  const params = { bits, experts: scene.experts };
  const written = resolveLayout(scene.a, scene.shape, params);
  const read = resolveLayout(scene.b, scene.shape, params);
  const right = correctlyRead(written.layout, read.layout);
  return {
    written,
    read,
    bits,
    names: axisNames(read.layout, written.layout),
    tensor: tensorName(scene),
    tile: tileOf(read.layout, bits),
    right,
  };
}

/** Plain layouts count their dimensions d0, d1, …; any other name says more. Where there is none: e, n, k. */
function axisNames(first: Layout, second: Layout): readonly string[] {
  const given = first.dims.map(({ name }, axis) =>
    [name, second.dims[axis]?.name ?? name].find((known) => !/^d\d+$/.test(known)),
  );
  const rank = given.length;
  // The rows of a bias are its last dimension.
  const shift = given.at(-1) === 'n' ? 2 : 3;
  return given.map(
    (name, axis) => name ?? (rank <= shift ? ['e', 'n', 'k'][axis + shift - rank] : undefined) ?? `d${axis}`,
  );
}

function tensorName({ a, b, type, shape, experts }: PairScene): string {
  const nameOf = (ref: string): string => bindSubject({ ...DEFAULT_SCENE, a: ref, type, shape, experts }).tensor.name;
  return [b, a].map(nameOf).find((name) => name !== 'T') ?? 'T';
}

function tileOf({ dims, shape }: Layout, bits: number): PairTile {
  const columns = dims.at(-1);
  const elements = Math.max(1, ...(columns?.factors.map(({ size, stride }) => size * stride) ?? []));
  const rows = elements / (columns?.padded ?? 1);
  const rowsInAll = dims.slice(0, -1).reduce((product, { padded }) => product * padded, 1);
  const bytes = `${(elements * bits) / 8} bytes`;
  if (shape.length < 2 || rows >= rowsInAll) return { elements, text: `the whole tensor, ${bytes}` };
  return { elements, text: `${rows} whole ${rows === 1 ? 'row' : 'rows'}, ${bytes}` };
}

/** Asks about single elements, by the offset at which the reader looks for them. */
export interface Reading {
  /** Offset at which the element that the reader wants from `offset` lies. -1 where the reader wants nothing: padding of its own. */
  liesAt(offset: number): number;
  classAt(offset: number): DiffClass;
}

/** Tables of the dimensions' shares in an offset: a few thousand numbers answer for billions of elements. */
export function readingOf({ written, read, bits, tile }: Pair): Reading {
  const { dims } = read.layout;
  const shares = dims.map((_, axis) => axisOffsets(written.layout, axis));
  const liesAt = (offset: number): number => {
    let place = 0;
    for (let axis = 0; axis < dims.length; axis += 1) {
      const dim = dims[axis] as (typeof dims)[number];
      const index = axisIndexAt(dim, offset);
      if (index >= dim.size) return -1;
      place += (shares[axis] as Float64Array)[index] as number;
    }
    return place;
  };
  const classOf = classifier({ written, bits, tile });
  return { liesAt, classAt: (offset) => classOf(offset, liesAt(offset)) };
}

/** The class of the element that is looked for at `offset` and lies at `place`. */
function classifier({
  written,
  bits,
  tile,
}: Pick<Pair, 'written' | 'bits' | 'tile'>): (offset: number, place: number) => DiffClass {
  const isWritten = isElement(written.layout);
  const line = (LINE_BYTES * 8) / bits;
  const wave = (WAVE_BYTES * 8) / bits;
  return (offset, place) => {
    if (place === offset) return 'right';
    if (place < 0 || !isWritten(offset)) return 'lost';
    if (Math.floor(place / line) === Math.floor(offset / line)) return 'line';
    if (Math.floor(place / wave) === Math.floor(offset / wave)) return 'lane';
    return Math.floor(place / tile.elements) === Math.floor(offset / tile.elements) ? 'tile' : 'far';
  };
}

/** Whether an element was written at an offset. */
function isElement(layout: Layout): (offset: number) => boolean {
  const padded = layout.dims.filter(({ size, padded }) => padded > size);
  return (offset) => offset < layout.storageSize && padded.every((dim) => axisIndexAt(dim, offset) < dim.size);
}

/** Elements of each class. */
export interface DiffCounts {
  /** Share of all elements, 0 to 1. `right` is exact; without `exact` the others come from a sample. */
  readonly shares: Readonly<Record<DiffClass, number>>;
  readonly exact: boolean;
  /** Elements that were looked at. */
  readonly counted: number;
}

/** Every element of up to 2 million; of more, 65,536 chosen by a fixed sequence. */
export function countClasses(pair: Pair): DiffCounts {
  const { correct, total } = pair.right;
  const exact = total <= COUNTED;
  const seen: Record<DiffClass, number> = { right: 0, line: 0, lane: 0, tile: 0, far: 0, lost: 0 };
  if (exact) countAll(pair, seen);
  else countSample(pair, seen);
  const counted = exact ? total : SAMPLE;
  // What is right is known; the sample divides the rest.
  const wrong = counted - seen.right;
  const rest = 1 - correct / total;
  const shareOf = (name: DiffClass): number =>
    name === 'right' ? correct / total : wrong === 0 ? 0 : (seen[name] / wrong) * rest;
  const shares = Object.fromEntries(DIFF_CLASSES.map((name) => [name, shareOf(name)])) as Record<DiffClass, number>;
  return { shares, exact, counted };
}

function countAll(pair: Pair, seen: Record<DiffClass, number>): void {
  const [written, read] = [pair.written.layout, pair.read.layout];
  const classOf = classifier(pair);
  const last = read.shape.length - 1;
  const [from, to] = [axisOffsets(written, last), axisOffsets(read, last)];
  const leading = read.shape.slice(0, last);
  const rows = read.size / to.length;
  for (let row = 0; row < rows; row += 1) {
    const first = [...unravel(row, leading), 0];
    const [place, offset] = [written.offset(first), read.offset(first)];
    for (let at = 0; at < to.length; at += 1)
      seen[classOf(offset + (to[at] as number), place + (from[at] as number))] += 1;
  }
}

function countSample({ written, read, bits, tile }: Pair, seen: Record<DiffClass, number>): void {
  const classOf = classifier({ written, bits, tile });
  const { size, shape } = read.layout;
  for (let at = 0; at < SAMPLE; at += 1) {
    // Steps of the golden ratio spread over a range, however long the sequence is.
    const index = Math.floor((((at + 0.5) * 0.6180339887498949) % 1) * size);
    const coord = unravel(index, shape);
    seen[classOf(read.layout.offset(coord), written.layout.offset(coord))] += 1;
  }
}
