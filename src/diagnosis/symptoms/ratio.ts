import { columnId, isNumeric, type OutputView, rowName, someOf, wrongColumns, wrongRows } from './view.ts';
import { figure, percent } from './words.ts';

/** Elements of a group at least, for a factor to be more than chance. */
const MIN_GROUP = 8;
/** Elements below this share of their row's root mean square say little about a factor. */
const LARGE = 1 / 8;
/** Share of the elements of a group that a factor must fit, and share of the groups that must have one. */
const FITS = 0.97;
const GROUPS = 0.9;
/** Rows that are tried before all are. */
const TRIED_ROWS = 16;

/** Elements that may share a factor. */
interface Level {
  /** `row`; the noun after "each". */
  readonly noun: string;
  readonly keyOf: (row: number, column: number) => number;
  readonly nameOf: (key: number) => string;
}

interface Group {
  /** Largest expected number and what came out there. */
  expected: number;
  actual: number;
  count: number;
  fitting: number;
  /** Sums over the fitting elements, for the factor of least squares. */
  cross: number;
  square: number;
}

/** What was expected, times a factor: one for all, or one for each row, column or block. */
export function ratio(view: OutputView): readonly string[] {
  if (view.wrong < MIN_GROUP || view.tolerance === 0 || !isNumeric(view)) return [];
  const columns = wrongColumns(view);
  const [few, some] = [wrongRows(view, TRIED_ROWS), someOf(columns, 512)];
  const all = wrongRows(view);
  for (const level of levelsOf(view, columns)) {
    if (factorsOf(view, level, few, some) === undefined) continue;
    const found = factorsOf(view, level, all, columns);
    if (found !== undefined) return [sentence(view, level, found)];
  }
  return [];
}

function levelsOf(view: OutputView, columns: readonly number[]): readonly Level[] {
  const blockOf = (column: number, size: number): number => Math.floor(columnId(view, column) / size);
  const last = columnId(view, columns.at(-1) ?? 0);
  const levels: Level[] = [{ noun: '', keyOf: () => 0, nameOf: () => '' }];
  if (view.rows > 1) levels.push({ noun: 'row', keyOf: (row) => row, nameOf: (row) => rowName(view, row) });
  for (const size of [128, 32].filter((block) => last >= block)) {
    levels.push({
      noun: `block of ${size} columns`,
      keyOf: (_, column) => blockOf(column, size),
      nameOf: (block) => `columns ${block * size}..${block * size + size - 1}`,
    });
  }
  levels.push({
    noun: 'column',
    keyOf: (_, column) => column,
    nameOf: (column) => `column ${columnId(view, column)}`,
  });
  for (const size of [128, 32].filter((block) => last >= block && view.rows > 1)) {
    const blocks = Math.floor(last / size) + 1;
    levels.push({
      noun: `block of ${size} columns of each row`,
      keyOf: (row, column) => row * blocks + blockOf(column, size),
      nameOf: (key) => {
        const first = (key % blocks) * size;
        return `${rowName(view, Math.floor(key / blocks))}, columns ${first}..${first + size - 1}`;
      },
    });
  }
  return levels;
}

interface Factors {
  readonly factors: ReadonlyMap<number, number>;
  readonly fitting: number;
  readonly count: number;
}

/** @returns undefined where the elements of a group have no factor in common, or all factors are 1 */
function factorsOf(
  view: OutputView,
  { keyOf }: Level,
  rows: readonly number[],
  columns: readonly number[],
): Factors | undefined {
  const { actual, expected, typical, columns: width, tolerance } = view;
  const groups = new Map<number, Group>();
  // Neighbours mostly share their group, so the last one is kept at hand.
  const visit = (use: (group: Group, got: number, want: number) => void): void => {
    let [lastKey, group] = [Number.NaN, undefined as Group | undefined];
    for (const row of rows) {
      const floor = LARGE * (typical[row] as number);
      for (const column of columns) {
        const index = row * width + column;
        const [got, want] = [actual[index] as number, expected[index] as number];
        if (!(Math.abs(want) > floor) || got - got !== 0 || want - want !== 0) continue;
        const key = keyOf(row, column);
        if (key !== lastKey) {
          group = groups.get(key);
          if (group === undefined) {
            group = { expected: 0, actual: 0, count: 0, fitting: 0, cross: 0, square: 0 };
            groups.set(key, group);
          }
          lastKey = key;
        }
        use(group as Group, got, want);
      }
    }
  };
  visit((group, got, want) => {
    group.count += 1;
    if (Math.abs(want) <= Math.abs(group.expected)) return;
    group.expected = want;
    group.actual = got;
  });
  visit((group, got, want) => {
    const predicted = (group.actual / group.expected) * want;
    if (Math.abs(got - predicted) > 1.5 * tolerance * Math.abs(predicted)) return;
    group.fitting += 1;
    group.cross += got * want;
    group.square += want * want;
  });
  const large = [...groups].filter(([, { count }]) => count >= MIN_GROUP);
  const good = large.filter(([, { count, fitting, cross }]) => fitting >= FITS * count && cross !== 0);
  if (good.length === 0 || good.length < GROUPS * large.length) return undefined;
  const factors = new Map(good.map(([key, { cross, square }]) => [key, snapped(cross / square, tolerance)]));
  if ([...factors.values()].every((factor) => Math.abs(factor - 1) < 2 * tolerance)) return undefined;
  const total = (of: 'count' | 'fitting'): number => large.reduce((sum, [, group]) => sum + group[of], 0);
  return { factors, fitting: total('fitting'), count: total('count') };
}

/** Powers of two, and small fractions that rounding hides. */
function snapped(factor: number, tolerance: number): number {
  const power = Math.sign(factor) * 2 ** Math.round(Math.log2(Math.abs(factor)));
  return Math.abs(factor / power - 1) < tolerance / 2 ? power : factor;
}

function sentence(view: OutputView, level: Level, { factors, fitting, count }: Factors): string {
  const { name, columns } = view;
  const values = [...factors.values()];
  const only = values[0] as number;
  const all = wrongRows(view).length === view.rows && wrongColumns(view).length === columns;
  const whose = all ? `All of ${name}` : 'What is wrong';
  if (level.noun === '') {
    const times = only === -1 ? 'the negative of what was expected' : `${figure(only)} times what was expected`;
    return `${whose} is ${times} (${percent(fitting, count)} of its large elements).`;
  }
  const sizes = values.map(Math.abs);
  const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
  const powers = sizes.every((size) => Number.isInteger(Math.log2(size)));
  const slack = view.tolerance;
  const range = powers
    ? `powers of two from ${figure(low)} to ${figure(high)}`
    : low >= 1 - slack && high < 2 + slack
      ? `all in [1, 2), from ${figure(low)} to ${figure(high)}: what scales gain that are rounded up to powers of two`
      : low > 0.5 - slack && high <= 1 + slack
        ? `all in (0.5, 1], from ${figure(low)} to ${figure(high)}: what scales lose that are cut down to powers of two`
        : `from ${figure(low)} to ${figure(high)}`;
  const signs = values.some((factor) => factor < 0) ? ', some negative' : '';
  const examples = [...factors]
    .filter(([, factor]) => factor !== 1)
    .slice(0, 3)
    .map(([key, factor]) => `${figure(factor)} in ${level.nameOf(key)}`);
  return `Each ${level.noun} has a factor of its own on what was expected: ${range}${signs} (${examples.join('; ')}).`;
}
