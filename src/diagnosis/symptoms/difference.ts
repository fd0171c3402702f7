import { formatFacts, isFloatFormat } from '../../formats/facts.ts';
import { ulpMeter } from '../../golden/codes.ts';
import { range } from '../take.ts';
import { columnId, isNumeric, type OutputView, rowName, someOf, wrongColumns, wrongRows } from './view.ts';
import { figure, percent } from './words.ts';

/** Elements of a group at least. */
const MIN_COUNT = 8;
/** Share of the elements that a rule must fit. */
const FITS = 0.95;
const TRIED_ROWS = 48;
/** Elements up to which all wrong rows are looked at. */
const MANY = 2 ** 18;

/** The right sizes with the wrong signs, where not simply everything is negated. */
export function signs(view: OutputView): readonly string[] {
  const { actual, expected, marks, wrong, typical, columns, tolerance } = view;
  if (wrong < MIN_COUNT || !isNumeric(view)) return [];
  let [large, flipped, right] = [0, 0, 0];
  const wrongAt = wrongColumns(view);
  for (const row of wrongRows(view)) {
    const floor = (typical[row] as number) / 8;
    for (const column of wrongAt) {
      const index = row * columns + column;
      const want = expected[index] as number;
      if (!(Math.abs(want) > floor)) continue;
      if (marks[index] !== 0) {
        right += 1;
        continue;
      }
      large += 1;
      if (Math.abs((actual[index] as number) + want) <= tolerance * Math.abs(want)) flipped += 1;
    }
  }
  if (large < MIN_COUNT || flipped < FITS * large || right < large / 20) return [];
  return [`Wrong elements have the right size and the wrong sign (${percent(flipped, large)} of them).`];
}

/** Everything wrong is the same number, where larger ones are expected. */
export function clipped({ actual, expected, marks, wrong, type }: OutputView): readonly string[] {
  if (wrong < MIN_COUNT) return [];
  let limit = 0;
  for (let index = 0; index < actual.length; index += 1) limit = Math.max(limit, Math.abs(actual[index] as number));
  let fitting = 0;
  for (let index = 0; index < marks.length; index += 1) {
    if (marks[index] !== 0 || Math.abs(actual[index] as number) !== limit) continue;
    const want = expected[index] as number;
    if (Math.abs(want) > limit && want * (actual[index] as number) > 0) fitting += 1;
  }
  if (fitting < FITS * wrong) return [];
  const facts = isFloatFormat(type) && formatFacts(type).max === limit ? `, the largest number of ${type}` : '';
  return [`Wrong elements are ±${figure(limit)}${facts} where larger ones are expected: clipped.`];
}

type Key = (row: number, column: number) => number;

/** A difference that is the same in every row, every column, or everywhere. */
export function offset(view: OutputView): readonly string[] {
  const { tolerance, name, rows: rowCount, columns: columnCount } = view;
  if (view.wrong < MIN_COUNT || !isNumeric(view) || tolerance === 0) return [];
  const columns = wrongColumns(view);
  const wrong = wrongRows(view);
  const rows = wrong.length * columns.length <= MANY ? wrong : wrongRows(view, TRIED_ROWS);
  const [few, some] = [wrongRows(view, 12), someOf(columns)];
  const constants = (count: number, keyOf: Key): ReadonlyMap<number, number> | undefined =>
    constantsOf(view, few, some, count, keyOf) && constantsOf(view, rows, columns, count, keyOf);
  const noun = view.axes[0]?.name ?? 'row';
  const one = constants(1, () => 0)?.get(0);
  if (one !== undefined) return [`Every wrong element of ${name} is off by the same ${signed(one)}.`];
  if (rows.length >= 3) {
    const each = constants(columnCount, (_, column) => column);
    const whole = wrong.length === rowCount ? `every ${noun}` : `all wrong ${noun}s`;
    const which = rows === wrong ? whole : `the ${rows.length} ${noun}s that were compared`;
    const text = each && examples(each, (key) => `column ${columnId(view, key)}`);
    if (text) return [`The difference is the same in ${which}, a constant for each column as of a bias: ${text}.`];
  }
  if (columns.length >= MIN_COUNT && rows.length > 1) {
    const each = constants(rowCount, (row) => row);
    const text = each && examples(each, (key) => rowName(view, key));
    if (text) return [`The difference is the same in every column, a constant for each ${noun}: ${text}.`];
  }
  return [];
}

/**
 * Means of the differences with the same key.
 * @returns undefined where they do not explain the differences
 */
function constantsOf(
  { actual, expected, typical, columns: width, tolerance }: OutputView,
  rows: readonly number[],
  columns: readonly number[],
  keys: number,
  keyOf: Key,
): ReadonlyMap<number, number> | undefined {
  const sums = new Float64Array(keys);
  const counts = new Float64Array(keys);
  for (const row of rows) {
    for (const column of columns) {
      const key = keyOf(row, column);
      const index = row * width + column;
      sums[key]! += (actual[index] as number) - (expected[index] as number);
      counts[key]! += 1;
    }
  }
  let [fitting, between, within] = [0, 0, 0];
  for (const row of rows) {
    const floor = (typical[row] as number) / 4;
    for (const column of columns) {
      const key = keyOf(row, column);
      const index = row * width + column;
      const [got, want] = [actual[index] as number, expected[index] as number];
      const mean = (sums[key] as number) / (counts[key] as number);
      const rest = got - want - mean;
      between += mean * mean;
      within += rest * rest;
      if (Math.abs(rest) <= tolerance * Math.max(Math.abs(got), Math.abs(want), floor)) fitting += 1;
    }
  }
  // What rounding leaves fits as well: the constants must be well above it.
  if (!(between > 16 * within) || fitting < FITS * rows.length * columns.length) return undefined;
  const found = new Map<number, number>();
  counts.forEach((count, key) => {
    if (count > 0) found.set(key, (sums[key] as number) / count);
  });
  return found;
}

function examples(each: ReadonlyMap<number, number>, nameOf: (key: number) => string): string {
  const values = [...each.values()];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const shown = [...each].slice(0, 3).map(([key, value]) => `${signed(value)} in ${nameOf(key)}`);
  return `from ${signed(low)} to ${signed(high)} (${shown.join(', ')})`;
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${figure(Number(value.toPrecision(3)))}`;
}

/** Root mean square of the errors as a share of what is expected, below which no data can be in a wrong order. */
const SMALL_ERROR = 0.06;

/** Differences so small that they are arithmetic, and no order of data. */
export function noise(view: OutputView): readonly string[] {
  const { codes, marks, wrong, type, actual, expected, name } = view;
  if (wrong < MIN_COUNT || !isNumeric(view)) return [];
  let [differences, squares] = [0, 0];
  for (let index = 0; index < actual.length; index += 1) {
    if (marks[index] !== 0) continue;
    const want = expected[index] as number;
    const difference = (actual[index] as number) - want;
    differences += difference * difference;
    squares += want * want;
  }
  const relative = Math.sqrt(differences / squares);
  let furthest = 0;
  if (codes !== undefined) {
    const ulp = ulpMeter(type);
    for (let index = 0; index < marks.length && furthest <= 16; index += 1) {
      if (marks[index] !== 0) continue;
      const distance = ulp(codes.actual[index] as number, codes.expected[index] as number) ?? Number.POSITIVE_INFINITY;
      if (distance > furthest) furthest = distance;
    }
    if (furthest <= (isNarrow(type) ? 1 : 16)) {
      const next =
        furthest === 1 ? 'the code next to the expected one' : `at most ${furthest} units in the last place off`;
      return [
        `Every wrong element of ${name} is ${next}: ${isNarrow(type) ? 'a rounding' : 'arithmetic'}, not an order of data.`,
      ];
    }
  }
  if (!(relative < SMALL_ERROR)) return [];
  return [
    `Wrong elements of ${name} are off by ${percent(relative, 1)} (root mean square): precision rather than an order of data.`,
  ];
}

function isNarrow(type: OutputView['type']): boolean {
  return isFloatFormat(type) && formatFacts(type).codeBits <= 8;
}

/** Rounding that goes one way only, where nothing is wrong. */
export function rounding({ wrong, actual, expected, name }: OutputView): readonly string[] {
  if (wrong > 0) return [];
  let [smaller, larger] = [0, 0];
  for (let index = 0; index < actual.length; index += 1) {
    const [got, want] = [Math.abs(actual[index] as number), Math.abs(expected[index] as number)];
    if (got < want) smaller += 1;
    else if (got > want) larger += 1;
  }
  const count = smaller + larger;
  if (count < 32 || count < 0.02 * actual.length || Math.max(smaller, larger) < 0.98 * count) return [];
  const way = smaller > larger ? 'nearer to zero: cut off rather than rounded' : 'further from zero';
  return [
    `${count} of ${actual.length} elements of ${name} differ within the last bits, ${percent(Math.max(smaller, larger), count)} of them ${way}.`,
  ];
}

/** How much wrong rows still resemble what was expected. */
export function correlation(view: OutputView): readonly string[] {
  const columns = wrongColumns(view);
  if (view.wrong < MIN_COUNT || columns.length < 32 || !isNumeric(view)) return [];
  const found = wrongRows(view, TRIED_ROWS).flatMap((row) => {
    const own = ofRow(view, row, columns);
    return own === undefined ? [] : [{ row, ...own }];
  });
  if (found.length === 0) return [];
  found.sort((a, b) => a.correlation - b.correlation);
  const [low, high] = [found[0], found.at(-1)] as [(typeof found)[number], (typeof found)[number]];
  const middle = found[found.length >> 1] as (typeof found)[number];
  const chance = 4 / Math.sqrt(columns.length);
  const between = (a: number, b: number): string =>
    a.toFixed(2) === b.toFixed(2) ? a.toFixed(2) : `${a.toFixed(2)} to ${b.toFixed(2)}`;
  const span = `correlation ${between(low.correlation, high.correlation)} by rows, cosine ${middle.cosine.toFixed(3)} in the middle one`;
  const furthest = Math.max(-low.correlation, high.correlation);
  // A few large elements make single rows alike by accident.
  const unrelated =
    furthest < Math.max(0.15, Math.min(0.4, chance)) || (Math.abs(middle.correlation) < 0.1 && furthest < 0.4);
  if (unrelated) return [`What is wrong has nothing in common with what was expected (${span}).`];
  if (low.correlation > 0.9) return [`What is wrong still resembles what was expected (${span}).`];
  if (high.correlation < -0.9) return [`What is wrong is the opposite of what was expected (${span}).`];
  if (low.correlation < 0.2 && high.correlation > 0.9)
    return [
      `Some of what is wrong resembles what was expected, some does not: correlation ${low.correlation.toFixed(2)} in ${rowName(view, low.row)}, ${high.correlation.toFixed(2)} in ${rowName(view, high.row)}.`,
    ];
  return [`What is wrong resembles what was expected in part (${span}).`];
}

function ofRow(
  { actual, expected, columns: width }: OutputView,
  row: number,
  columns: readonly number[],
): { readonly correlation: number; readonly cosine: number } | undefined {
  let [count, a, b, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
  for (const column of columns) {
    const [got, want] = [actual[row * width + column] as number, expected[row * width + column] as number];
    if (got - got !== 0 || want - want !== 0) continue;
    count += 1;
    a += got;
    b += want;
    aa += got * got;
    bb += want * want;
    ab += got * want;
  }
  const spread = (aa - (a * a) / count) * (bb - (b * b) / count);
  if (count < 32 || !(spread > 0)) return undefined;
  return { correlation: (ab - (a * b) / count) / Math.sqrt(spread), cosine: ab / Math.sqrt(aa * bb) };
}

/** Rows that are all the same. */
export function sameRows(view: OutputView): readonly string[] {
  const { actual, expected, rows, columns, wrong, name } = view;
  if (wrong === 0 || rows < 2 || columns < MIN_COUNT) return [];
  const same = (values: Float64Array): boolean =>
    range(rows - 1).every((row) =>
      range(columns).every((column) => values[(row + 1) * columns + column] === values[column]),
    );
  if (!same(actual) || same(expected) || actual.every((value) => value === actual[0])) return [];
  return [`All rows of ${name} are the same, though different ones are expected.`];
}
