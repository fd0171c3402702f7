import { EITHER, IN, OUT, placeOf } from './places.ts';
import type { Axis, OutputView } from './view.ts';
import { capital, counted, percent } from './words.ts';

/** How many elements are wrong, of how many. */
export function share({ name, wrong, actual, axes, whole }: OutputView): readonly string[] {
  if (wrong === 0) return [];
  const looked = whole
    ? ''
    : ` that were looked at (${axes.map((axis) => `${axis.ids.length} of ${counted(axis.size, axis.name)}`).join(' and ')})`;
  const subject = wrong === actual.length ? `All ${wrong}` : `${wrong} of ${actual.length}`;
  const part = wrong === actual.length ? '' : ` (${percent(wrong, actual.length)})`;
  return [`${subject} elements of ${name}${looked} are wrong${part}.`];
}

/** Which rows and columns hold what is wrong, or what is right. */
export function where(view: OutputView): readonly string[] {
  if (view.wrong === 0) return [];
  return statesOf(view).flatMap(({ axis, state }) => {
    const text = whereAlong(axis, state, view.actual.length / axis.ids.length);
    return text === undefined ? [] : [text];
  });
}

/** @param elements of each line */
function whereAlong(axis: Axis, state: Uint8Array, elements: number): string | undefined {
  const clean = state.map((own) => (own === EITHER ? EITHER : own === IN ? OUT : IN));
  const [bad, good] = [placeOf(axis, state, 0.95), placeOf(axis, clean)];
  if (bad.count === 0 || good.count === 0 || bad.all) return undefined;
  const others = axis.ids.length === axis.size ? `every other ${axis.name}` : `every other ${axis.name} looked at`;
  // A line of few elements may be right by chance.
  const telling = elements >= 4 || good.structured;
  if (good.complete && telling && (good.count < bad.count || !bad.complete) && !(bad.loose && !good.structured)) {
    const are = good.count === 1 ? 'is' : 'are';
    return `${capital(good.text)} ${are} right; ${others} has wrong elements.`;
  }
  if (elements < 4 && !bad.structured) return undefined;
  return `All that is wrong lies in ${bad.text}; ${others} is right.`;
}

/** Lines of each axis: with wrong elements, without, or with nothing but zeros expected, which prove nothing. */
function statesOf(view: OutputView): readonly { readonly axis: Axis; readonly state: Uint8Array }[] {
  const { axes, rows, columns, expected, marks } = view;
  const states = axes.map(({ ids }) => new Uint8Array(ids.length).fill(EITHER));
  const raise = (axis: number, at: number, wrong: boolean): void => {
    const state = states[axis] as Uint8Array;
    if (wrong) state[at] = IN;
    else if (state[at] === EITHER) state[at] = OUT;
  };
  const last = axes.length - 1;
  for (let row = 0, index = 0; row < rows; row += 1) {
    let [wrong, proves] = [false, false];
    const own = states[last] as Uint8Array;
    for (let column = 0; column < columns; column += 1, index += 1) {
      if (marks[index] === 0) {
        own[column] = IN;
        wrong = true;
      } else if (expected[index] !== 0) {
        if (own[column] === EITHER) own[column] = OUT;
        proves = true;
      }
    }
    if (!wrong && !proves) continue;
    let rest = row;
    for (let axis = last - 1; axis >= 0; axis -= 1) {
      const size = axes[axis]?.ids.length ?? 1;
      raise(axis, rest % size, wrong);
      rest = Math.floor(rest / size);
    }
  }
  return axes.map((axis, at) => ({ axis, state: states[at] as Uint8Array }));
}

type Test = (actual: number, expected: number) => boolean;

const KINDS: readonly { readonly text: (count: number) => string; readonly test: Test }[] = [
  {
    text: (count) => `${count === 1 ? 'is' : 'are'} NaN where numbers are expected`,
    test: (actual, expected) => Number.isNaN(actual) && !Number.isNaN(expected),
  },
  {
    text: (count) => `${count === 1 ? 'is' : 'are'} infinite where numbers are expected`,
    test: (actual, expected) => Math.abs(actual) === Number.POSITIVE_INFINITY && Number.isFinite(expected),
  },
  {
    text: (count) => `${count === 1 ? 'is a number' : 'are numbers'} where NaN or infinity is expected`,
    test: (actual, expected) => Number.isFinite(actual) && !Number.isFinite(expected),
  },
];

/** NaN and infinities, and where they are. */
export function notFinite(view: OutputView): readonly string[] {
  if (view.wrong === 0 || (allFinite(view.actual) && allFinite(view.expected))) return [];
  return KINDS.flatMap(({ text, test }) => {
    const found = placesWhere(view, test);
    return found === undefined
      ? []
      : [
          `${found.count} ${found.count === 1 ? 'element' : 'elements'} of ${view.name} ${text(found.count)}, in ${found.text}.`,
        ];
  });
}

function allFinite(values: Float64Array): boolean {
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number;
    if (value - value !== 0) return false;
  }
  return true;
}

function placesWhere(view: OutputView, test: Test): { readonly count: number; readonly text: string } | undefined {
  const { actual, expected, rows, columns, axes } = view;
  const inRow = new Uint8Array(rows);
  const inColumn = new Uint8Array(columns);
  let count = 0;
  for (let row = 0, index = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, index += 1) {
      if (!test(actual[index] as number, expected[index] as number)) continue;
      count += 1;
      inRow[row] = IN;
      inColumn[column] = IN;
    }
  }
  if (count === 0) return undefined;
  const rowPlace = placeOf(rowAxis(view), inRow).text;
  const last = axes.at(-1) as Axis;
  return { count, text: columns === 1 ? rowPlace : `${rowPlace} and ${placeOf(last, inColumn).text}` };
}

/** The folded rows as one axis. */
export function rowAxis({ axes, rows }: OutputView): Axis {
  const [first] = axes;
  if (axes.length === 2 && first !== undefined) return first;
  return { name: 'row', size: rows, ids: Array.from({ length: rows }, (_, row) => row) };
}

/** Whole rows and columns of zeros where numbers are expected, and one number in place of everything. */
export function zeros(view: OutputView): readonly string[] {
  const { wrong, actual, expected, marks, rows, columns, axes, name } = view;
  if (wrong === 0) return [];
  const first = actual[marks.indexOf(0)] as number;
  let same = true;
  const rowState = new Uint8Array(rows).fill(EITHER);
  const columnState = new Uint8Array(columns).fill(EITHER);
  for (let row = 0, index = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, index += 1) {
      const value = actual[index] as number;
      if (marks[index] === 0 && !Object.is(value, first) && value !== first) same = false;
      if (value !== 0) rowState[row] = columnState[column] = OUT;
      else if (expected[index] !== 0) {
        if (rowState[row] === EITHER) rowState[row] = IN;
        if (columnState[column] === EITHER) columnState[column] = IN;
      }
    }
  }
  if (actual.every((value) => value === 0)) return [`Every element of ${name} is 0.`];
  if (same && wrong >= 8 && !Number.isNaN(first)) return [`Every wrong element is ${first}.`];
  const last = axes.at(-1) as Axis;
  return [
    { axis: rowAxis(view), state: rowState },
    { axis: last, state: columnState },
  ].flatMap(({ axis, state }) => {
    const { count, text } = placeOf(axis, state);
    if (count === 0 || axis.ids.length === 1) return [];
    return [`${capital(text)} of ${name} ${count === 1 ? 'is' : 'are'} all zero where other numbers are expected.`];
  });
}
