import { type Evidence, isNear, type Verdict } from './identify-check.ts';
import { searchDigits } from './identify-digits.ts';
import { elementsOf, histogram, sameBytes } from './identify-elements.ts';
import { digitsLayout, digitsOf } from './identify-notation.ts';
import { placeOf, probes } from './identify-paths.ts';
import type { IdentifyDifference, Inference, NearMatch } from './identify-types.ts';
import type { Layout } from './layout.ts';
import { permute } from './permute.ts';
import { rowMajor } from './plain.ts';

const DIFFERENCES = 8;

export interface Inferred extends Inference {
  readonly near: readonly NearMatch[];
  /** A fact about the data that no layout can mend. */
  readonly note: string | undefined;
}

/**
 * Looks for a permutation of digits from raw to shuffled.
 * @param hasNear a known layout explains nearly everything, so that a permutation which does so too says nothing new
 */
export function infer(evidence: Evidence, shape: readonly number[] | undefined, hasNear: boolean): Inferred {
  const { rawCodes, shuffledCodes, bits } = evidence;
  const nothing = { solutions: [], complete: false, near: [], note: undefined };
  if (rawCodes.length !== shuffledCodes.length)
    return {
      ...nothing,
      reason: `raw has ${rawCodes.length} elements and shuffled ${shuffledCodes.length}: with padding no permutation is inferred.`,
    };
  const moved = notPermuted(evidence);
  if (moved !== undefined && hasNear) return { ...nothing, complete: true, note: moved, reason: undefined };
  const total = rawCodes.length;
  const full = shape !== undefined && shape.reduce((all, size) => all * size, 1) === total ? shape : [total];
  const near: NearMatch[] = [];
  if (moved === undefined) {
    const found = searchDigits(rawCodes, shuffledCodes, (layout) => isExact(evidence, layout));
    if (found.solutions.length > 0 || !found.complete)
      return {
        ...nothing,
        complete: found.complete,
        solutions: found.solutions.map((layout) => digitsLayout(digitsOf(layout), full)),
        reason: unresolved(evidence, found.solutions, found.complete),
      };
  }
  if (!hasNear) {
    for (const corner of ['low', 'high'] as const) {
      searchDigits(
        rawCodes,
        shuffledCodes,
        (layout) => {
          const verdict = compare(evidence, layout);
          const near99 = isNear(evidence, verdict);
          const named = digitsLayout(digitsOf(layout), full);
          if (near99 && !near.some((other) => other.layout.equals(named)))
            near.push({ entry: undefined, layout: named, title: String(named), shape: full, exact: false, ...verdict });
          return near99;
        },
        corner,
      );
      if (near.length > 0) break;
    }
  }
  const reason =
    moved === undefined
      ? `no permutation of digits of ${bits}-bit elements explains every element; all were considered.`
      : undefined;
  return { solutions: [], complete: true, near, note: moved, reason };
}

/** Codes that one side has more often: then nothing that only moves elements leads from one to the other. */
function notPermuted({ rawCodes, shuffledCodes }: Evidence): string | undefined {
  const a = histogram(rawCodes);
  const b = histogram(shuffledCodes);
  if (a === undefined || b === undefined) return undefined;
  let code = -1;
  let surplus = 0;
  for (let at = 0; at < a.length; at += 1) {
    const more = (b[at] as number) - (a[at] as number);
    if (more !== 0 && code < 0) code = at;
    surplus += Math.max(0, more);
  }
  if (code < 0) return undefined;
  return (
    `${surplus === 1 ? '1 element holds a code' : `${surplus} elements hold codes`} that the raw does not have as often (0x${code.toString(16).padStart(2, '0')}: ${a[code]} in raw, ` +
    `${b[code]} in shuffled): values changed, no layout alone explains that.`
  );
}

function isExact({ raw, shuffled, bits }: Evidence, layout: Layout): boolean {
  return sameBytes(permute(raw, rowMajor(layout.shape), layout, bits), shuffled);
}

function compare({ raw, shuffledCodes, bits }: Evidence, layout: Layout): Verdict {
  const got = elementsOf(permute(raw, rowMajor(layout.shape), layout, bits), bits).codes;
  const wanted = shuffledCodes.codes;
  const differences: IdentifyDifference[] = [];
  let differing = 0;
  for (let at = 0; at < got.length; at += 1) {
    if (got[at] === wanted[at]) continue;
    differing += 1;
    if (differences.length >= DIFFERENCES) continue;
    const coord = layout.coord(at) ?? [];
    differences.push({
      coord,
      rawOffset: coord[0] ?? 0,
      shuffledOffset: at,
      raw: got[at] as number,
      shuffled: wanted[at] as number,
    });
  }
  return { elements: got.length, differing, differences };
}

/** Why there is no single answer, and what of it is open. */
function unresolved(evidence: Evidence, solutions: readonly Layout[], complete: boolean): string | undefined {
  const total = evidence.rawCodes.length;
  if (solutions.length === 0)
    return 'the data repeat too much: the search was given up before it had an answer; use data with more different codes.';
  const [first, ...others] = solutions as readonly [Layout, ...Layout[]];
  const open = probes(total).filter((at) => others.some((other) => placeOf(other, at) !== placeOf(first, at)));
  if (open.length === 0)
    return complete
      ? undefined
      : 'the data repeat too much: this permutation explains every element, but others were not ruled out.';
  const at = firstApart(first, others, total, open[0] as number);
  const places = [...new Set(solutions.map((layout) => placeOf(layout, at)))];
  const share = Math.round((100 * open.length) / probes(total).length);
  return (
    `${complete ? solutions.length : `at least ${solutions.length}`} permutations explain every element, because codes repeat; they put about ${share} % of ` +
    `the elements at different places, first raw element ${at}: to ${places.join(' or ')}.`
  );
}

function firstApart(first: Layout, others: readonly Layout[], total: number, otherwise: number): number {
  for (let at = 0; at < Math.min(total, 65_536); at += 1)
    if (others.some((other) => placeOf(other, at) !== placeOf(first, at))) return at;
  return otherwise;
}
