import { randomFrom } from './guess-sample.ts';
import type { Elements } from './identify-elements.ts';
import { type Digit, digitsLayout } from './identify-notation.ts';
import type { Layout } from './layout.ts';

/*
 * A shuffle is a permutation of digits: write the target offset in some mixed radix, and every digit moves the source offset by a
 * stride of its own. The digits are found from the innermost of the target outwards. Once the first p target offsets are known, the
 * next digit is a prime number of copies of that block, at a source stride that divides what is left of the source. Few strides do,
 * and each is compared with the data. All permutations are followed that agree with the data so far, so what is found is known to be
 * the only one. A permutation of digits also maps the end of the source to the end of the target, mirrored, which doubles the evidence
 * and does not depend on the same corner of the data being informative.
 */

/** Target offsets of the known block that each new digit is compared at. */
const BLOCK = 2048;
/** Copies of the block that are compared, where a digit has more. */
const COPIES = 48;
/** Comparisons after which the search gives up. */
const BUDGET = 60_000_000;
/** Solutions after which the search stops: the data do not decide. */
const MOST_SOLUTIONS = 8;

/** Which ends of the buffers are compared. One alone helps where the other holds wrong elements. */
type Corners = 'both' | 'low' | 'high';

export interface DigitSearch {
  /** Permutations that agree with every comparison of the search; the caller verifies them on everything. */
  readonly solutions: readonly Layout[];
  readonly complete: boolean;
}

interface Block {
  /** Target offsets, and the source offset of each. */
  readonly targets: Float64Array;
  readonly sources: Float64Array;
}

/** A part of the source offset that no digit has yet: `size` places from `start` on. */
interface Gap {
  readonly start: number;
  readonly size: number;
}

/**
 * Permutations of digits that take `raw` to `shuffled`, as layouts of one dimension: the source offset.
 * @param accept decides about a permutation that agrees with all comparisons, on all elements
 */
export function searchDigits(
  raw: Elements,
  shuffled: Elements,
  accept: (layout: Layout) => boolean,
  corners: Corners = 'both',
): DigitSearch {
  const total = raw.length;
  const from = raw.codes;
  const to = shuffled.codes;
  const random = randomFrom(1);
  const solutions: Layout[] = [];
  let budget = BUDGET;
  let complete = true;

  const agrees = ({ targets, sources }: Block, place: number, size: number, stride: number): boolean => {
    const copies = copiesOf(size, random);
    // Where a few elements may be wrong, one end is compared, and not every difference counts.
    let allowed = corners === 'both' ? 0 : Math.floor((targets.length * copies.length) / 64);
    for (let at = 0; at < targets.length; at += 1) {
      const target = targets[at] as number;
      const source = sources[at] as number;
      budget -= copies.length;
      for (const copy of copies) {
        const t = target + copy * place;
        const s = source + copy * stride;
        const isWrong =
          (corners !== 'high' && to[t] !== from[s]) || (corners !== 'low' && to[total - 1 - t] !== from[total - 1 - s]);
        if (isWrong && allowed === 0) return false;
        if (isWrong) allowed -= 1;
      }
    }
    return true;
  };

  const visit = (digits: readonly Digit[], block: Block, place: number, gaps: readonly Gap[]): void => {
    if (budget < 0 || solutions.length >= MOST_SOLUTIONS) {
      complete = false;
      return;
    }
    if (place === total) {
      const layout = digitsLayout(digits, [total]);
      if (accept(layout)) solutions.push(layout);
      return;
    }
    const last = digits.at(-1);
    for (const { start, size: room, gap } of movesOf(gaps)) {
      // A run of one digit may be cut into primes in several orders; only the rising one is followed.
      if (last !== undefined && start === last.source * last.size && room < last.size) continue;
      if (!agrees(block, place, room, start)) continue;
      const digit = { target: place, source: start, size: room };
      visit([...digits, digit], grown(block, digit, random), place * room, without(gaps, gap, digit));
    }
  };
  visit(
    [],
    { targets: Float64Array.of(0), sources: Float64Array.of(0) },
    1,
    total === 1 ? [] : [{ start: 1, size: total }],
  );
  return { solutions, complete };
}

/** Every digit that the gaps leave room for: a prime size, and a stride that keeps the rest divisible. */
function* movesOf(
  gaps: readonly Gap[],
): Generator<{ readonly start: number; readonly size: number; readonly gap: Gap }> {
  for (const gap of gaps)
    for (const below of divisorsOf(gap.size))
      for (const size of primesOf(gap.size / below)) yield { start: gap.start * below, size, gap };
}

function without(gaps: readonly Gap[], gap: Gap, { source, size }: Digit): readonly Gap[] {
  const below = source / gap.start;
  const parts = [
    { start: gap.start, size: below },
    { start: source * size, size: gap.size / below / size },
  ];
  return [...gaps.filter((other) => other !== gap), ...parts.filter((part) => part.size > 1)];
}

/** The block with the copies of a new digit; where that is too large, a random part of it. */
function grown({ targets, sources }: Block, { target, source, size }: Digit, random: () => number): Block {
  const count = targets.length * size;
  const isWhole = count <= BLOCK;
  const length = Math.min(count, BLOCK);
  const next = { targets: new Float64Array(length), sources: new Float64Array(length) };
  for (let at = 0; at < length; at += 1) {
    const of = isWhole ? at % targets.length : Math.floor(random() * targets.length);
    const copy = isWhole ? Math.floor(at / targets.length) : Math.floor(random() * size);
    next.targets[at] = (targets[of] as number) + copy * target;
    next.sources[at] = (sources[of] as number) + copy * source;
  }
  return next;
}

function copiesOf(size: number, random: () => number): readonly number[] {
  if (size <= COPIES) return Array.from({ length: size - 1 }, (_, at) => at + 1);
  return [1, size - 1, ...Array.from({ length: COPIES }, () => 1 + Math.floor(random() * (size - 1)))];
}

const DIVISORS = new Map<number, readonly number[]>();

function divisorsOf(value: number): readonly number[] {
  const known = DIVISORS.get(value);
  if (known !== undefined) return known;
  const low: number[] = [];
  for (let at = 1; at * at <= value; at += 1) if (value % at === 0) low.push(at);
  const all = [...new Set([...low, ...low.map((at) => value / at)])].sort((a, b) => a - b);
  if (DIVISORS.size > 10_000) DIVISORS.clear();
  DIVISORS.set(value, all);
  return all;
}

/** Different prime factors, rising. */
function primesOf(value: number): readonly number[] {
  const primes: number[] = [];
  let rest = value;
  for (let at = 2; at * at <= rest; at += 1) {
    if (rest % at !== 0) continue;
    primes.push(at);
    while (rest % at === 0) rest /= at;
  }
  if (rest > 1) primes.push(rest);
  return primes;
}
