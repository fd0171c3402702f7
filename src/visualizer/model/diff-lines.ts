import { type Layout, unravel } from '../../layout/index.ts';
import { DIFF_CLASSES, type DiffClass, type Pair, readingOf } from './diff.ts';

/** What a class means, short and long. */
export interface ClassWords {
  readonly label: string;
  readonly meaning: string;
}

/** The classes in words, for legends; the tile is the pair's. */
export function classWords({ tile }: Pick<Pair, 'tile'>): Readonly<Record<DiffClass, ClassWords>> {
  return {
    right: { label: 'right', meaning: 'lies at the address that is read' },
    line: {
      label: 'same 16 bytes',
      meaning: 'lies within the 16-byte line that is read: the right lane, the wrong byte',
    },
    lane: {
      label: 'other lane',
      meaning: 'lies in the same 1 KiB load of a wave (64 lanes by 16 bytes): another lane has it',
    },
    tile: { label: 'same tile', meaning: `lies in the same tile of the reader: ${tile.text}` },
    far: { label: 'elsewhere', meaning: 'lies further away' },
    lost: { label: 'padding', meaning: 'what is read is padding or lies beyond the end' },
  };
}

/** One element, from the reader's side. */
export interface Misreading {
  /** What the kernel asks for. */
  readonly asked: readonly number[];
  /** Offset that it reads. */
  readonly offset: number;
  /** What it gets there; undefined for padding and beyond the end. */
  readonly got: readonly number[] | undefined;
  /** Offset at which the element that it asks for lies. */
  readonly liesAt: number;
  readonly kind: DiffClass;
}

/** @throws LayoutRangeError for a coordinate outside the shape */
export function misreadingAt(pair: Pair, asked: readonly number[]): Misreading {
  const [written, read] = [pair.written.layout, pair.read.layout];
  const offset = read.offset(asked);
  return {
    asked,
    offset,
    got: coordAt(written, offset),
    liesAt: written.offset(asked),
    kind: readingOf(pair).classAt(offset),
  };
}

function coordAt(layout: Layout, offset: number): readonly number[] | undefined {
  return offset < layout.storageSize ? layout.coord(offset) : undefined;
}

/**
 * `The kernel asks for W[n=17, k=0], reads byte 0x110, where W[n=1, k=16] lies; W[n=17, k=0] lies at byte 0x810.`
 * @param offset storage offset that is read
 */
export function describeMisreading(pair: Pair, offset: number): string {
  const { names, bits } = pair;
  const wanted = coordAt(pair.read.layout, offset);
  const found = coordAt(pair.written.layout, offset);
  const byte = byteText(offset, bits);
  const isInside = offset < pair.written.layout.storageSize;
  if (wanted === undefined) {
    if (found !== undefined)
      return `The kernel takes ${byte} for padding, where ${elementText(pair, found, names)} lies.`;
    return `The kernel takes ${byte} for padding${isInside ? ', and it is.' : '; the bytes end before it.'}`;
  }
  const asked = elementText(pair, wanted, names);
  const reads = `The kernel asks for ${asked}, reads ${byte}`;
  if (found !== undefined && String(found) === String(wanted)) return `${reads} and gets it.`;
  const there =
    found !== undefined
      ? `where ${elementText(pair, found, names)} lies`
      : isInside
        ? 'which is padding'
        : 'behind the end of the bytes';
  return `${reads}, ${there}; ${asked} lies at ${byteText(pair.written.layout.offset(wanted), bits)}.`;
}

/** `W[n=17, k=0]`. */
export function elementText(
  { tensor }: Pick<Pair, 'tensor'>,
  coord: readonly number[],
  names: readonly string[],
): string {
  return `${tensor}[${coord.map((index, axis) => `${names[axis]}=${index}`).join(', ')}]`;
}

/** `byte 0x110`, of fp4 with its nibble. */
export function byteText(offset: number, bits: number): string {
  const bit = offset * bits;
  const nibble = bits === 4 ? ` ${bit % 8 === 0 ? 'low' : 'high'} nibble` : '';
  return `byte 0x${Math.floor(bit / 8).toString(16)}${nibble}`;
}

/** Elements to look at before the search for wrong ones ends: a tensor whose first million is right is shown as such. */
const SEARCHED = 2 ** 20;

/** The first wrong elements in row-major order. */
export function firstWrong(pair: Pair, count = 8): readonly Misreading[] {
  const { layout } = pair.read;
  if (pair.right.correct === pair.right.total) return [];
  const { classAt } = readingOf(pair);
  const found: Misreading[] = [];
  for (let index = 0; index < Math.min(layout.size, SEARCHED) && found.length < count; index += 1) {
    const asked = unravel(index, layout.shape);
    if (classAt(layout.offset(asked)) !== 'right') found.push(misreadingAt(pair, asked));
  }
  return found;
}

/** `12.5 %`, never 0 % or 100 % for what is a little more or less. */
export function percentText(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  const percent = share * 100;
  if (percent < 0.01) return '< 0.01 %';
  if (percent > 99.99) return '> 99.99 %';
  return `${Number(percent.toFixed(percent < 10 || percent > 90 ? 2 : 1))} %`;
}

export { DIFF_CLASSES };
