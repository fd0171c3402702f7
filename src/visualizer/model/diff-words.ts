import { type DigitPlace, type Layout, type ReadDigit, readDigits } from '../../layout/index.ts';
import type { Pair } from './diff.ts';
import { orderNote, runNote, transposed, wholeStride } from './diff-orders.ts';

/** A pair of layouts in words. Everything is derived from their digits and true of every element. */
export interface Explanation {
  /** Which dimensions are read wrongly: their axes. Empty for layouts of the same bytes. */
  readonly wrongAxes: readonly number[];
  /** One sentence. */
  readonly sentence: string;
  /** Further sentences, most useful first. */
  readonly notes: readonly string[];
}

export const SAME_BYTES = 'The same bytes: nothing would be misread, and nothing tells them apart.';

/** What reading one layout as the other does. */
export function explainPair(pair: Pair): Explanation {
  const { written, read, right } = pair;
  if (written.layout.equals(read.layout)) return { wrongAxes: [], sentence: SAME_BYTES, notes: [] };
  if (right.correct === right.total)
    return {
      wrongAxes: [],
      sentence: 'Every element lies where the reader looks for it; only the padding differs.',
      notes: [],
    };
  const digits = readDigits(written.layout, read.layout);
  const wrongAxes = digits === undefined ? axesInside(pair) : axesOf(digits.filter((digit) => !isFixed(digit)));
  const turned = transposed(pair);
  if (turned !== undefined) return { wrongAxes, sentence: turned, notes: orderNote(pair) };
  if (digits === undefined)
    return { wrongAxes, sentence: unnestedSentence(pair), notes: [...runNote(pair), ...orderNote(pair)] };
  return {
    wrongAxes,
    sentence: `${headOf(pair, wrongAxes)}: ${movedSentence(pair, digits, wrongAxes)}.`,
    notes: [...keptNotes(pair, digits, wrongAxes), ...chanceNote(pair, digits, wrongAxes), ...orderNote(pair)],
  };
}

function isFixed({ asked, got }: ReadDigit): boolean {
  return got !== undefined && asked.axis === got.axis && asked.place === got.place;
}

function axesOf(moved: readonly ReadDigit[]): readonly number[] {
  const axes = moved.flatMap(({ asked, got }) => [asked.axis, ...(got === undefined ? [] : [got.axis])]);
  return [...new Set(axes)].sort((a, b) => a - b);
}

/** Every dimension that has more than one index, but for leading ones that both store outermost, as experts. */
function axesInside({ written, read }: Pair): readonly number[] {
  const outer = ({ dims, storageSize }: Layout): number => {
    let rest = storageSize;
    return dims.findIndex(({ factors, padded }) => {
      rest /= padded;
      return padded > 1 && wholeStride(factors) !== rest;
    });
  };
  const same = written.layout.storageSize === read.layout.storageSize;
  const first = same ? Math.min(outer(written.layout) >>> 0, outer(read.layout) >>> 0) : 0;
  return read.layout.shape.flatMap((size, axis) => (size > 1 && axis >= first ? [axis] : []));
}

/** `Rows only`, `Rows and columns`, `Experts, rows and columns`. */
function headOf(pair: Pair, axes: readonly number[]): string {
  const names = axes.map((axis) => axisWords(pair, axis).many);
  const [last = '', ...others] = names.toReversed();
  const head = others.length === 0 ? `${last} only` : `${others.toReversed().join(', ')} and ${last}`;
  return head.replace(/^./, (letter) => letter.toUpperCase());
}

const WORDS: Readonly<Record<string, string>> = {
  e: 'expert',
  n: 'row',
  m: 'row',
  row: 'row',
  k: 'column',
  g: 'column',
  column: 'column',
};

function axisWords({ names }: Pair, axis: number): { readonly one: string; readonly many: string } {
  const name = names[axis] ?? '';
  const word = WORDS[name];
  return word === undefined ? { one: name, many: name } : { one: word, many: `${word}s` };
}

function unnestedSentence(pair: Pair): string {
  const order = ({ order, dims }: Layout): string => {
    const digits = new Map(
      dims.flatMap(({ factors }, axis) =>
        factors.map(
          ({ name, size }) => [name, { size, name: factors.length === 1 ? pair.names[axis] : name }] as const,
        ),
      ),
    );
    return order
      .flatMap((name) => digits.get(name) ?? [])
      .filter(({ size }) => size > 1)
      .map(({ name, size }) => `${name}:${size}`)
      .join(' ');
  };
  return (
    `No digit moves as a whole: the bytes count ${order(pair.written.layout)} (fastest last), the reader counts ` +
    `${order(pair.read.layout)}, and the steps of the two do not fit into each other.`
  );
}

const LETTERS = 'abcdefghijlmopqrstuvwxyz';

/** `asked for row 32a + 16b + c, the kernel gets row 64b + 16a + c (b < 2, c < 16)`, and what that means where it has a name. */
function movedSentence(pair: Pair, digits: readonly ReadDigit[], axes: readonly number[]): string {
  const taken = new Set(pair.names);
  const letters = [...LETTERS].filter((letter) => !taken.has(letter));
  const shown = digits
    .filter(({ asked }) => axes.includes(asked.axis))
    .map((digit, index) => ({ ...digit, letter: letters[index] ?? `x${index}` }));
  const sum = (axis: number, side: 'asked' | 'got'): string => {
    const terms = shown
      .flatMap(({ letter, [side]: place }) => (place?.axis === axis ? [{ letter, place: place.place }] : []))
      .toSorted((a, b) => b.place - a.place);
    return terms.map(({ letter, place }) => `${place === 1 ? '' : place}${letter}`).join(' + ') || '0';
  };
  const single = axes.length === 1;
  const side = (which: 'asked' | 'got'): string =>
    axes
      .map((axis) => `${single ? `${axisWords(pair, axis).one} ` : `${pair.names[axis]} = `}${sum(axis, which)}`)
      .join(', ');
  const ranges = shown.map(({ letter, size }) => `${letter} < ${size}`).join(', ');
  const beyond = shown.filter(({ got }) => got === undefined).map(({ letter }) => `${letter} > 0`);
  const parts = [
    `asked for ${side('asked')}, the kernel gets ${side('got')} (${ranges})`,
    ...(beyond.length === 0 ? [] : [`it reads beyond the end where ${beyond.join(' or ')}`]),
    ...(single ? halvesWords(pair, shown, axes[0] as number) : swapWords(pair, shown)),
  ];
  return parts.join('; ');
}

/** Two digits that change places, by name. */
function swapWords(pair: Pair, digits: readonly ReadDigit[]): readonly string[] {
  const [one, other, ...more] = digits.filter((digit) => !isFixed(digit));
  if (one?.got === undefined || other?.got === undefined || more.length > 0 || one.size !== other.size) return [];
  return [
    `the digits ${digitName(pair, one.asked, one.size)} and ${digitName(pair, other.asked, other.size)} change places`,
  ];
}

/** `k1` where the reader has such a digit, else `k/16 mod 2`. */
function digitName({ read, names }: Pair, { axis, place }: DigitPlace, size: number): string {
  let at = 1;
  for (const factor of read.layout.dims[axis]?.factors.toReversed() ?? []) {
    if (at === place && factor.size === size) return factor.name;
    at *= factor.size;
  }
  return `${names[axis]}${place === 1 ? '' : `/${place}`} mod ${size}`;
}

/**
 * Within one dimension: which blocks get elements of the first half and which of the second, or the other way round. The halves are those
 * of what nothing leaves, such as the rows of one expert. Where a layout tells gate from up there, the halves have these names.
 */
function halvesWords(pair: Pair, digits: readonly ReadDigit[], axis: number): readonly string[] {
  const half = movedEnd(digits, axis) / 2;
  const moved = digits.filter((digit) => !isFixed(digit));
  const { many } = axisWords(pair, axis);
  const blocks = (place: number): string => (place === 1 ? many : `blocks of ${place} ${many}`);
  const [first, second] = hasGate(pair, axis, half)
    ? [`gate ${many}`, `up ${many}`]
    : [`${many} of the first half`, `${many} of the second half`];
  const tail = moved.length > 2 ? ', in another order' : '';
  const into = moved.find(({ size, got }) => size === 2 && got?.place === half);
  if (into !== undefined) return [`even ${blocks(into.asked.place)} get ${first}, odd ones ${second}${tail}`];
  const from = moved.find(({ size, asked }) => size === 2 && asked.place === half);
  if (from?.got !== undefined) return [`${first} get even ${blocks(from.got.place)}, ${second} odd ones${tail}`];
  return [];
}

/** Whether one of the layouts has the digit that tells gate from up at a place. */
function hasGate({ written, read }: Pair, axis: number, half: number): boolean {
  return [written, read].some(({ layout }) => {
    let place = 1;
    return (layout.dims[axis]?.factors.toReversed() ?? []).some(({ name, size }) => {
      const found = name === 'gu' && size === 2 && place === half;
      place *= size;
      return found;
    });
  });
}

/** Smallest block of a dimension that nothing leaves; 1 where no digit of it moves. */
function movedEnd(digits: readonly ReadDigit[], axis: number): number {
  const ends = digits
    .filter((digit) => !isFixed(digit))
    .flatMap(({ asked, got, size }) =>
      [asked, got].flatMap((place) => (place?.axis === axis ? [place.place * size] : [])),
    );
  return Math.max(1, ...ends);
}

/** What survives: pieces below the moved digits, and blocks that nothing leaves. */
function keptNotes(pair: Pair, digits: readonly ReadDigit[], axes: readonly number[]): readonly string[] {
  const { shape } = pair.read.layout;
  const words = (axis: number, count: number): string => {
    const { one, many } = axisWords(pair, axis);
    return `${count} ${count === 1 ? one : many}`;
  };
  const last = shape.length - 1;
  const starts = digits
    .filter((digit) => !isFixed(digit))
    .flatMap(({ asked, got }) => [asked, got].flatMap((place) => (place?.axis === last ? [place.place] : [])));
  const piece = axes.includes(last) ? Math.min(...starts) : 1;
  const blocks = axes.filter((axis) => movedEnd(digits, axis) < (shape[axis] as number));
  return [
    ...(piece > 1 ? [`Pieces of ${words(last, piece)} stay whole.`] : []),
    ...(blocks.length > 0
      ? [`Nothing leaves its block of ${blocks.map((axis) => words(axis, movedEnd(digits, axis))).join(' by ')}.`]
      : []),
  ];
}

/** Indices that are right by chance, where only one dimension is wrong: a check of the first row alone would find nothing. */
function chanceNote(pair: Pair, digits: readonly ReadDigit[], axes: readonly number[]): readonly string[] {
  const [axis, ...more] = axes;
  if (axis === undefined || more.length > 0) return [];
  const size = pair.read.layout.shape[axis] as number;
  const end = movedEnd(digits, axis);
  const own = digits.filter(({ asked }) => asked.axis === axis);
  const gets = (index: number): number =>
    own.reduce((sum, { asked, got, size }) => {
      const digit = Math.floor(index / asked.place) % size;
      return sum + (got === undefined ? digit * Number.POSITIVE_INFINITY || 0 : digit * got.place);
    }, 0);
  const ranges: [number, number][] = [];
  for (let index = 0; index < Math.min(size, end); index += 1) {
    if (gets(index) !== index) continue;
    const open = ranges.at(-1);
    if (open !== undefined && open[1] === index - 1) open[1] = index;
    else ranges.push([index, index]);
  }
  if (ranges.length === 0 || ranges.length > 4) return [];
  const { one, many } = axisWords(pair, axis);
  const text = ranges.map(([from, to]) => (from === to ? String(from) : `${from} to ${to}`)).join(' and ');
  const isOne = ranges.length === 1 && ranges[0]?.[0] === ranges[0]?.[1];
  const matrix = axis === 0 ? '' : axis === 1 && pair.names[0] === 'e' ? ' of each expert' : ' of each matrix';
  const outer = end < size ? ` of each block of ${end}` : matrix;
  return [`Right by chance: ${isOne ? one : many} ${text}${outer}.`];
}
