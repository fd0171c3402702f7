import type { Layout } from './layout.ts';
import { requireSameShape } from './same-shape.ts';

/** A digit of a coordinate: `floor(coord[axis] / place)`, modulo the digit's size. */
export interface DigitPlace {
  readonly axis: number;
  readonly place: number;
}

/**
 * What becomes of one digit of the coordinate that a kernel asks for: it is taken for the digit `got` of the element it gets. Without
 * `got`, any value but 0 leads beyond the end of what was written.
 */
export interface ReadDigit {
  readonly size: number;
  readonly asked: DigitPlace;
  readonly got: DigitPlace | undefined;
}

/** A digit of the storage offset, innermost first in its list. */
interface StorageDigit extends DigitPlace {
  readonly size: number;
}

/**
 * `readAs(written, read)` digit by digit: a permutation of the digits of the coordinate. Splitting both storages at the same places
 * gives digits that move as a whole.
 *
 * @returns by dimension, then outermost first; undefined where the places do not nest, as with columns of 5 read as rows of 7
 * @post the element that `read` gets for a coordinate has at `got` the digit that the coordinate has at `asked`; indices beyond a
 *   dimension's size are padding
 * @throws PreshuffleError when the two are bound to different shapes
 */
export function readDigits(written: Layout, read: Layout): readonly ReadDigit[] | undefined {
  requireSameShape(written, read);
  const sources = new Cursor(written);
  const wanted = new Cursor(read);
  const isLarger = written.storageSize >= read.storageSize;
  const digits: ReadDigit[] = [];
  while (!wanted.done) {
    const size = sources.done ? wanted.rest : Math.min(wanted.rest, sources.rest);
    digits.push({ size, asked: wanted.place, got: sources.done ? undefined : sources.place });
    // What follows the last digit of the reader is never asked for, so that a larger storage need not be split evenly there.
    const splits =
      wanted.rest % size === 0 &&
      (sources.done || sources.rest % size === 0 || wanted.isLast || (sources.isLast && isLarger));
    if (!splits) return undefined;
    wanted.take(size);
    if (!sources.done) sources.take(size);
  }
  // Digits that only padding has are always 0.
  const asked = merged(digits).filter((digit) => digit.asked.place < (read.shape[digit.asked.axis] as number));
  return asked.toSorted((a, b) => a.asked.axis - b.asked.axis || b.asked.place - a.asked.place);
}

/** Walks the digits of a storage offset from the innermost, in pieces. */
class Cursor {
  readonly #digits: readonly StorageDigit[];
  #index = 0;
  #used = 1;

  constructor(layout: Layout) {
    this.#digits = storageDigits(layout);
  }

  get done(): boolean {
    return this.#index >= this.#digits.length;
  }

  get isLast(): boolean {
    return this.#index === this.#digits.length - 1;
  }

  /** What is left of the current digit. */
  get rest(): number {
    return Math.ceil(this.#current.size / this.#used);
  }

  get place(): DigitPlace {
    const { axis, place } = this.#current;
    return { axis, place: place * this.#used };
  }

  take(size: number): void {
    this.#used *= size;
    if (this.#used < this.#current.size) return;
    this.#index += 1;
    this.#used = 1;
  }

  get #current(): StorageDigit {
    return this.#digits[this.#index] as StorageDigit;
  }
}

function storageDigits(layout: Layout): readonly StorageDigit[] {
  const digits = layout.dims.flatMap(({ factors }, axis) => {
    let place = 1;
    return factors.toReversed().map(({ size, stride }) => {
      const digit = { axis, place, size, stride };
      place *= size;
      return digit;
    });
  });
  return digits.filter(({ size }) => size > 1).toSorted((a, b) => a.stride - b.stride);
}

/** Joins digits that are neighbours in what is asked and in what is got. */
function merged(digits: readonly ReadDigit[]): readonly ReadDigit[] {
  for (const inner of digits) {
    const outer = digits.find((digit) => follows(inner, digit));
    if (outer === undefined) continue;
    const joined = { ...inner, size: inner.size * outer.size };
    return merged([...digits.filter((digit) => digit !== inner && digit !== outer), joined]);
  }
  return digits;
}

function follows(inner: ReadDigit, outer: ReadDigit): boolean {
  const next = (a: DigitPlace, b: DigitPlace): boolean => a.axis === b.axis && b.place === a.place * inner.size;
  return (
    next(inner.asked, outer.asked) && inner.got !== undefined && outer.got !== undefined && next(inner.got, outer.got)
  );
}
