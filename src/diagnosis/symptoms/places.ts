import { tightestSet } from '../../golden/mismatch-skew.ts';
import type { Axis } from './view.ts';
import { joined, some } from './words.ts';

/** A set of lines (rows, columns, …) in words. */
export interface Place {
  /** `rows 96..127`, `the columns with column mod 32 >= 16`. */
  readonly text: string;
  readonly count: number;
  /** False for a list that is cut short. */
  readonly complete: boolean;
  /** Whether there is a rule to it: a long range, a residue, blocks. */
  readonly structured: boolean;
  /** Whether it admits lines that are not in the set. */
  readonly loose: boolean;
  /** Whether it admits every line. */
  readonly all: boolean;
}

/** Whether a line is in a set, is not, or may be either, as lines that hold nothing but zeros. */
export const OUT = 0;
export const IN = 1;
export const EITHER = 2;

const MAX_RANGES = 4;
const BLOCKS = [128, 32, 16] as const;

/**
 * Says which lines of an axis are in a set, in the shortest true way. Lines that may be either count as the words want them.
 *
 * @param filled share of the lines of a rule that must be in the set; all lines of the set are admitted in any case
 */
export function placeOf(axis: Axis, state: Uint8Array, filled: number = 1): Place {
  const { name, ids, size } = axis;
  const chosen = ids.filter((_, at) => state[at] === IN);
  const count = chosen.length;
  const place = (text: string, is: Partial<Place> = {}): Place => ({
    text,
    count,
    complete: true,
    structured: false,
    loose: false,
    all: count === ids.length,
    ...is,
  });
  if (count === ids.length) return place(`every ${name}`);
  const runs = runsOf(ids, state, ids.length === size);
  if (runs.length === 1 || count <= 2)
    return place(rangesText(name, runs), { structured: runs.length === 1 && count >= 4 });
  const modular = modularText(axis, state, count, filled);
  if (modular !== undefined) return place(modular, { structured: true });
  const hull = filled < 1 ? hullOf(axis, state, count, filled) : undefined;
  if (hull !== undefined)
    return place(rangesText(name, [hull]), { structured: true, loose: true, all: hull[1] - hull[0] + 1 === size });
  if (runs.length <= MAX_RANGES) return place(rangesText(name, runs), { structured: count >= 4 * runs.length });
  const blocks = blocksText(axis, state);
  if (blocks !== undefined) return place(blocks, { structured: true });
  return place(`${count} ${name}s (${some(chosen)})`, { complete: false });
}

/** First and last line, where nearly all between are in the set. */
function hullOf(
  { ids, size }: Axis,
  state: Uint8Array,
  count: number,
  filled: number,
): readonly [number, number] | undefined {
  if (ids.length !== size) return undefined;
  const [first, last] = [state.indexOf(IN), state.lastIndexOf(IN)];
  const between = state.subarray(first, last + 1).filter((own) => own !== EITHER).length;
  return count >= filled * between ? [first, last] : undefined;
}

/** Runs of neighbours, first and last; lines that may be either join runs but are none. */
function runsOf(
  ids: readonly number[],
  state: Uint8Array,
  contiguous: boolean,
): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  let open = false;
  ids.forEach((id, at) => {
    if (state[at] === IN) {
      const last = runs.at(-1);
      if (open && last !== undefined && (contiguous || ids[at - 1] === id - 1)) last[1] = id;
      else runs.push([id, id]);
      open = true;
    } else if (state[at] === OUT) open = false;
  });
  return runs;
}

function rangesText(name: string, runs: readonly (readonly [number, number])[]): string {
  const single = runs.length === 1 && runs[0]?.[0] === runs[0]?.[1];
  return `${name}${single ? '' : 's'} ${joined(runs.map(([first, last]) => (first === last ? String(first) : `${first}..${last}`)))}`;
}

/** One residue, or one half of each period: `the rows with row mod 32 >= 16`. */
function modularText({ name, ids, size }: Axis, state: Uint8Array, count: number, filled: number): string | undefined {
  const compared = new Float64Array(size);
  const failed = new Float64Array(size);
  ids.forEach((id, at) => {
    compared[id] = state[at] === EITHER ? 0 : 1;
    failed[id] = state[at] === IN ? 1 : 0;
  });
  const set = tightestSet({ compared, failed });
  if (set === undefined || set.period === size) return undefined;
  const { period, lo, hi } = set;
  let admitted = 0;
  for (let id = 0; id < size; id += 1) {
    if (id % period >= lo && id % period < hi) admitted += compared[id] as number;
  }
  // By chance few lines have a residue in common.
  if (count < filled * admitted || count < 3) return undefined;
  const rest = hi === lo + 1 ? `= ${lo}` : lo === 0 ? `< ${hi}` : `>= ${lo}`;
  return `the ${name}s with ${name} mod ${period} ${rest}`;
}

/** Whole blocks: `the blocks of 128 columns number 1, 4 and 6`. */
function blocksText({ name, ids }: Axis, state: Uint8Array): string | undefined {
  for (const size of BLOCKS) {
    const seen = new Map<number, number>();
    let pure = true;
    ids.forEach((id, at) => {
      if (state[at] === EITHER) return;
      const block = Math.floor(id / size);
      const before = seen.get(block);
      if (before === undefined) seen.set(block, state[at] as number);
      else if (before !== state[at]) pure = false;
    });
    const blocks = [...seen].filter(([, own]) => own === IN).map(([block]) => String(block));
    if (pure && seen.size >= 4 && blocks.length < ids.length / 4)
      return `the blocks of ${size} ${name}s number ${some(blocks, 8)}`;
  }
  return undefined;
}
