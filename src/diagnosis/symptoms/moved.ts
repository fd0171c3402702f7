import { range } from '../take.ts';
import { orderText } from './order.ts';
import { columnId, isNumeric, type OutputView, rowName, someOf, wrongColumns, wrongRows } from './view.ts';
import { counted, percent } from './words.ts';

/** Elements that two lines are compared in. */
const PROBES = 48;
/** Elements at least, for equal lines to be no accident. */
const MIN_PROBES = 6;
/** Lines that must be found elsewhere, of those that could be. */
const FOUND = 0.8;
/** Lines that an axis may have. */
const MAX_LINES = 2 ** 14;
/** Wrong lines that are matched at first, to see whether it is worth while, and at most. */
const FIRST_LINES = 64;
const MATCHED_LINES = 1024;

/** Rows or columns of an output, one after another. */
interface Lines {
  readonly noun: string;
  readonly count: number;
  /** Which are wrong. */
  readonly wrong: readonly number[];
  /** Where to look in each line. */
  readonly probes: readonly number[];
  indexOf(line: number, probe: number): number;
  nameOf(line: number): string;
  /** Typical size of the numbers at a probe of a line. */
  typical(line: number, probe: number): number;
}

/** Rows that hold the values of other rows, and columns those of other columns. */
export function moved(view: OutputView): readonly string[] {
  if (view.wrong < MIN_PROBES) return [];
  return [rowLines(view), columnLines(view)].flatMap((lines) => {
    if (lines === undefined) return [];
    const text = movedLines(view, lines);
    return text === undefined ? [] : [text];
  });
}

function rowLines(view: OutputView): Lines | undefined {
  // Of a sample it is not known what belongs in other rows.
  if (!view.whole || view.rows < 2 || view.rows > MAX_LINES) return undefined;
  const { columns, typical } = view;
  return {
    noun: view.axes.length === 2 ? (view.axes[0]?.name ?? 'row') : 'row',
    count: view.rows,
    wrong: wrongRows(view),
    probes: spread(wrongColumns(view)),
    indexOf: (row, column) => row * columns + column,
    nameOf: (row) => rowName(view, row),
    typical: (row) => typical[row] as number,
  };
}

function columnLines(view: OutputView): Lines | undefined {
  if (view.columns < 2 || view.columns > MAX_LINES) return undefined;
  const { columns, typical } = view;
  return {
    noun: 'column',
    count: columns,
    wrong: wrongColumns(view),
    probes: spread(wrongRows(view)),
    indexOf: (column, row) => row * columns + column,
    nameOf: (column) => `column ${columnId(view, column)}`,
    typical: (_, row) => typical[row] as number,
  };
}

function spread(indices: readonly number[]): readonly number[] {
  if (indices.length <= PROBES) return indices;
  return range(PROBES).map((at) => indices[Math.floor(((at + 0.5) * indices.length) / PROBES)] as number);
}

function movedLines(view: OutputView, lines: Lines): string | undefined {
  const { noun, wrong, probes, count } = lines;
  if (probes.length < MIN_PROBES || wrong.length === 0) return undefined;
  const source = Int32Array.from({ length: count }, (_, line) => line);
  for (const line of wrong) source[line] = -1;
  const find = finder(view, lines);
  let [possible, found] = [0, 0];
  const examples: string[] = [];
  const chosen = someOf(wrong, MATCHED_LINES);
  for (const [at, line] of chosen.entries()) {
    if (at === FIRST_LINES && found < FOUND * 0.5 * possible) return undefined;
    const from = find(line);
    if (from === undefined) continue;
    possible += 1;
    // A line that resembles itself is not in another place.
    if (from < 0 || from === line) continue;
    source[line] = from;
    found += 1;
    if (examples.length < 4) examples.push(`${lines.nameOf(line)} that of ${lines.nameOf(from)}`);
  }
  if (found === 0 || found < FOUND * possible) return undefined;
  const order = view.whole ? orderText(source, noun) : undefined;
  const compared = chosen.length < wrong.length ? ` that were compared` : '';
  const subject =
    found === chosen.length
      ? found === 1
        ? `The wrong ${noun} holds`
        : `${found === 2 ? 'The' : 'All'} ${counted(found, `wrong ${noun}`)}${compared} hold`
      : `${percent(found, chosen.length)} of the ${counted(chosen.length, `wrong ${noun}`)}${compared} hold`;
  return `${subject} the values of other ${noun}s of ${view.name}: ${order ?? `${examples.join(', ')}${found > examples.length ? ', …' : ''}`}.`;
}

/**
 * Finds lines by their values, through the order of one probe.
 * @returns the line whose values these are, -1 for none or several, undefined for lines that look like any (all zero)
 */
function finder(view: OutputView, lines: Lines): (line: number) => number | undefined {
  const { actual, expected } = view;
  const { count, probes, indexOf } = lines;
  const slack = isNumeric(view) ? 1.5 * view.tolerance : 0;
  const pivot = probes[probes.length >> 1] as number;
  const keys = Float64Array.from({ length: count }, (_, line) => expected[indexOf(line, pivot)] as number);
  const order = range(count)
    .filter((line) => !Number.isNaN(keys[line]))
    .sort((a, b) => (keys[a] as number) - (keys[b] as number));
  const limit = Math.floor(probes.length / 20);
  const same = (line: number, other: number): boolean => {
    let misses = 0;
    for (const probe of probes) {
      const got = actual[indexOf(line, probe)] as number;
      const want = expected[indexOf(other, probe)] as number;
      const room = slack * Math.max(Math.abs(want), lines.typical(other, probe) / 4);
      // NaN is no value of another line.
      if (Math.abs(got - want) <= room) continue;
      misses += 1;
      if (misses > limit) return false;
    }
    return true;
  };
  const varies = (line: number): boolean => {
    const seen: number[] = [];
    for (const probe of probes) {
      const value = actual[indexOf(line, probe)] as number;
      if (seen.includes(value)) continue;
      seen.push(value);
      if (seen.length >= Math.min(4, probes.length / 2)) return true;
    }
    return false;
  };
  return (line) => {
    if (!varies(line)) return undefined;
    const key = actual[indexOf(line, pivot)] as number;
    const room = 1.4 * slack * Math.max(Math.abs(key), lines.typical(line, pivot) / 4);
    let found = -1;
    for (let at = lowerBound(order, keys, key - room); at < order.length; at += 1) {
      const other = order[at] as number;
      if ((keys[other] as number) > key + room) break;
      if (!same(line, other)) continue;
      if (found >= 0) return -1;
      found = other;
    }
    return found;
  };
}

function lowerBound(order: readonly number[], keys: Float64Array, key: number): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[order[middle] as number] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
