import type { ElementType } from '../../formats/element-type.ts';
import { isFloatFormat } from '../../formats/facts.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { agreement, type Observed, observe } from '../evidence.ts';
import type { OutputWindow } from '../hypothesis.ts';
import type { Observation } from '../observation.ts';
import type { Sample, Target } from '../search.ts';
import { range } from '../take.ts';

/** The indices of one dimension of an output that are looked at. */
export interface Axis {
  /** `row`, `token`, `slot`, `column`. */
  readonly name: string;
  /** Indices in the whole output, ascending. */
  readonly ids: readonly number[];
  /** Size of the whole dimension. */
  readonly size: number;
}

/**
 * One output as a matrix, what came out beside what should have: columns are the last dimension, rows the others folded.
 * All arrays are row-major over what is looked at.
 */
export interface OutputView {
  readonly call: KernelCall;
  readonly name: string;
  /** The type with fewer digits of the two. */
  readonly type: ElementType;
  readonly rows: number;
  readonly columns: number;
  /** Every dimension; the last are the columns. */
  readonly axes: readonly Axis[];
  readonly actual: Float64Array;
  readonly expected: Float64Array;
  /** As `agreement` gives them: 0 wrong, 1 nearly, 2 equal. */
  readonly marks: Uint8Array;
  /** Codes, where both have the same type. */
  readonly codes: { readonly actual: Float64Array; readonly expected: Float64Array } | undefined;
  readonly wrong: number;
  readonly wrongInRow: Uint32Array;
  readonly wrongInColumn: Uint32Array;
  /** Root mean square of what is expected in each row. */
  readonly typical: Float64Array;
  /** Relative error that rounding and the order of additions explain. */
  readonly tolerance: number;
  /** Whether every row and column is looked at. */
  readonly whole: boolean;
}

/** Outputs with more elements are judged by the sample, which is at hand. */
const MAX_ELEMENTS = 2 ** 23;

/** One view for each output that can be compared: of all of it where it is known what should have come out, else of the sample. */
export function viewsOf(
  { call: own, names, outputs }: Target,
  sample: Sample,
  given?: Observation,
): readonly OutputView[] {
  const call = given ?? own;
  const known = names.filter((name) => given?.actual[name] !== undefined && given.expected?.[name] !== undefined);
  const size = known.reduce((sum, name) => sum + (given?.actual[name]?.layout.size ?? 0), 0);
  if (given?.expected === undefined || known.length === 0 || size > MAX_ELEMENTS) {
    return viewsOfParts(call, sample, (name) => outputs[name]?.layout.shape ?? [], sample.window);
  }
  const [actual, expected] = [observe(given.actual, known), observe(given.expected, known)];
  const marks = agreement(call, expected, actual);
  return viewsOfParts(call, { actual, asGiven: expected, marks }, (name) => given.actual[name]?.layout.shape ?? []);
}

function viewsOfParts(
  call: KernelCall,
  { actual, asGiven, marks }: Pick<Sample, 'actual' | 'asGiven' | 'marks'>,
  shapeOf: (name: string) => readonly number[],
  window?: OutputWindow,
): readonly OutputView[] {
  return actual.parts.flatMap((part, at) => {
    const other = asGiven.parts[at];
    if (other === undefined || part.start === part.end) return [];
    const whole = shapeOf(part.name);
    const axes = axesOf(call, part.tensor.layout.shape, whole, window);
    return [viewOf(call, part, cut(actual, part), cut(asGiven, other), other.tensor.type, marks, axes)];
  });
}

type Part = Observed['parts'][number];

function cut({ values, codes }: Observed, { start, end }: Part): { values: Float64Array; codes: Float64Array } {
  return { values: values.subarray(start, end), codes: codes.subarray(start, end) };
}

function axesOf(
  call: KernelCall,
  shape: readonly number[],
  whole: readonly number[],
  window: OutputWindow | undefined,
): readonly Axis[] {
  const routed = call.operands['topk_ids'] !== undefined;
  return shape.map((size, axis): Axis => {
    const last = axis === shape.length - 1 && shape.length > 1;
    const name = last ? 'column' : axis === 0 ? (routed ? 'token' : 'row') : routed ? 'slot' : `index ${axis}`;
    const all = whole[axis] ?? size;
    const seen = last ? window?.columns : axis === 0 ? window?.rows : undefined;
    return { name, size: all, ids: size < all && seen?.length === size ? seen : range(size) };
  });
}

const ONLY_ROW: Axis = { name: 'row', ids: [0], size: 1 };

function viewOf(
  call: KernelCall,
  part: Part,
  actual: { readonly values: Float64Array; readonly codes: Float64Array },
  expected: { readonly values: Float64Array; readonly codes: Float64Array },
  expectedType: ElementType,
  allMarks: Uint8Array,
  axes: readonly Axis[],
): OutputView {
  const { shape } = part.tensor.layout;
  const columns = shape.length > 1 ? Math.max(1, shape.at(-1) ?? 1) : 1;
  const rows = actual.values.length / columns;
  const marks = allMarks.subarray(part.start, part.end);
  const wrongInRow = new Uint32Array(rows);
  const wrongInColumn = new Uint32Array(columns);
  const typical = new Float64Array(rows);
  let wrong = 0;
  for (let row = 0, index = 0; row < rows; row += 1) {
    let [squares, bad] = [0, 0];
    for (let column = 0; column < columns; column += 1, index += 1) {
      const value = expected.values[index] as number;
      if (value - value === 0) squares += value * value;
      if (marks[index] !== 0) continue;
      bad += 1;
      wrongInColumn[column]! += 1;
    }
    wrongInRow[row] = bad;
    wrong += bad;
    typical[row] = Math.sqrt(squares / columns);
  }
  const sameType = part.tensor.type === expectedType;
  const type = toleranceOf(part.tensor.type) > toleranceOf(expectedType) ? part.tensor.type : expectedType;
  return {
    call,
    name: part.name,
    type,
    rows,
    columns,
    axes: axes.length > 1 ? axes : [axes[0] ?? ONLY_ROW, { name: 'column', ids: [0], size: 1 }],
    actual: actual.values,
    expected: expected.values,
    marks,
    codes: sameType ? { actual: actual.codes, expected: expected.codes } : undefined,
    wrong,
    wrongInRow,
    wrongInColumn,
    typical,
    tolerance: toleranceOf(type),
    whole: axes.every(({ ids, size }) => ids.length === size),
  };
}

/** Twice the unit in the last place; of float32 sums what their order leaves. */
function toleranceOf(type: ElementType): number {
  switch (type) {
    case 'f64':
    case 'f32':
      return 2 ** -12;
    case 'f16':
      return 2 ** -9;
    case 'bf16':
      return 2 ** -6;
    case 'e8m0':
      return 0;
    default:
      return isFloatFormat(type) ? 2 ** -3 : 0;
  }
}

/** Rows with wrong elements, at most `limit` of them, spread over all. */
export function wrongRows({ rows, wrongInRow }: OutputView, limit: number = rows): readonly number[] {
  const all = range(rows).filter((row) => (wrongInRow[row] as number) > 0);
  if (all.length <= limit) return all;
  return range(limit).map((at) => all[Math.floor(((at + 0.5) * all.length) / limit)] as number);
}

/** Columns in runs of 16, spread, where there are many: enough to try a rule on. */
export function someOf(columns: readonly number[], limit = 2048): readonly number[] {
  const step = Math.ceil(columns.length / limit);
  return step < 2 ? columns : columns.filter((_, at) => (at >> 4) % step === 0);
}

export function wrongColumns({ columns, wrongInColumn }: OutputView): readonly number[] {
  return range(columns).filter((column) => (wrongInColumn[column] as number) > 0);
}

/** `row 5`, `token 5, slot 1`: a folded row in the whole output. */
export function rowName({ axes }: OutputView, row: number): string {
  let rest = row;
  const names: string[] = [];
  for (const { name, ids } of axes.slice(0, -1).toReversed()) {
    const at = rest % ids.length;
    names.unshift(`${name} ${ids[at]}`);
    rest = (rest - at) / ids.length;
  }
  return names.join(', ');
}

export function columnId({ axes }: OutputView, column: number): number {
  return axes.at(-1)?.ids[column] ?? column;
}

export function isNumeric({ type }: OutputView): boolean {
  return isFloatFormat(type);
}
