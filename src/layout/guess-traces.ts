import type { GuessCandidate, GuessRole, MatrixView } from './guess-candidates.ts';
import { choose } from './guess-features.ts';

/** Marks that padding and copies leave in a tensor, as one reading of its bytes shows them. */
export interface LayoutTraces {
  /** Elements in constant rows at the end of a matrix or of its halves, and in constant columns at its end. */
  readonly tail: number;
  readonly tailRows: number;
  readonly tailColumns: number;
  /** Rows that equal another one, in all that were compared. */
  readonly duplicateRows: number;
  readonly comparedRows: number;
  /** What the layout's own padding holds; undefined without padding. */
  readonly padding: { readonly codes: readonly number[]; readonly looked: number } | undefined;
}

/** Matrices of a stack that are looked at, and elements at most: padding is the same in all. */
const MATRICES = 4;
const BUDGET = 2 ** 20;
const ROWS = 4096;
const PROBES = 24;
const HOLES = 512;

/** @param code the code at a storage offset; magnitudes for weights, so that -0 is a zero */
export function layoutTraces(
  candidate: GuessCandidate,
  role: GuessRole,
  code: (offset: number) => number,
  random: () => number,
): LayoutTraces {
  const { matrix } = candidate;
  return {
    ...tails(matrix, role, code),
    ...duplicates(matrix, code, random),
    padding: paddingOf(candidate, code, random),
  };
}

function tails(
  matrix: MatrixView,
  role: GuessRole,
  code: (offset: number) => number,
): Pick<LayoutTraces, 'tail' | 'tailRows' | 'tailColumns'> {
  const { columns, inner, rows } = matrix;
  const columnOffsets = Float64Array.from({ length: columns }, (_, column) => matrix.columnOffset(column));
  const stacks = Math.min(MATRICES, Math.max(1, Math.floor(rows / Math.max(1, inner))));
  const parts = inner % 2 === 0 && inner >= 32 ? 2 : 1;
  const height = inner / parts;
  let budget = BUDGET;
  let tailRows = 0;
  let tailColumns = Number.POSITIVE_INFINITY;
  let tail = 0;
  for (let part = 0; part < stacks * parts; part += 1) {
    const first = part * height;
    const constant = code(matrix.rowOffset(first + height - 1) + (columnOffsets[columns - 1] as number));
    if (role === 'weight' && constant !== 0) {
      tailColumns = 0;
      continue;
    }
    const isConstant = (row: number, column: number): boolean => {
      budget -= 1;
      return code(matrix.rowOffset(row) + (columnOffsets[column] as number)) === constant;
    };
    let filled = height;
    while (filled > 0 && budget > 0 && every(columns, (column) => isConstant(first + filled - 1, column))) filled -= 1;
    let kept = columns;
    while (kept > 0 && budget > 0 && every(filled, (row) => isConstant(first + row, kept - 1))) kept -= 1;
    tailRows += height - filled;
    tailColumns = Math.min(tailColumns, columns - kept);
    tail += (height - filled) * columns + (columns - kept) * filled;
  }
  return { tail, tailRows, tailColumns: Number.isFinite(tailColumns) ? tailColumns : 0 };
}

function every(count: number, test: (index: number) => boolean): boolean {
  for (let index = 0; index < count; index += 1) if (!test(index)) return false;
  return true;
}

/** Rows that hold the same codes as another; rows of few different codes do not count. */
function duplicates(
  matrix: MatrixView,
  code: (offset: number) => number,
  random: () => number,
): Pick<LayoutTraces, 'duplicateRows' | 'comparedRows'> {
  const probes = choose(0, matrix.columns, PROBES, random).map((column) => matrix.columnOffset(column));
  const comparedRows = Math.min(ROWS, matrix.rows);
  const seen = new Map<string, number>();
  let duplicateRows = 0;
  for (let row = 0; row < comparedRows && probes.length === PROBES; row += 1) {
    const base = matrix.rowOffset(row);
    const codes = probes.map((offset) => code(base + offset));
    if (new Set(codes).size < 5) continue;
    const key = codes.join(' ');
    const other = seen.get(key);
    if (other === undefined) seen.set(key, row);
    else if (sameRow(matrix, code, row, other)) duplicateRows += 1;
  }
  return { duplicateRows, comparedRows };
}

function sameRow(matrix: MatrixView, code: (offset: number) => number, a: number, b: number): boolean {
  const first = matrix.rowOffset(a);
  const second = matrix.rowOffset(b);
  return every(matrix.columns, (column) => {
    const offset = matrix.columnOffset(column);
    return code(first + offset) === code(second + offset);
  });
}

function paddingOf(
  { layout, matrix }: GuessCandidate,
  code: (offset: number) => number,
  random: () => number,
): LayoutTraces['padding'] {
  if (layout.storageSize === layout.size) return undefined;
  const codes = new Set<number>();
  let looked = 0;
  for (let tries = 0; tries < HOLES * 8 && looked < HOLES; tries += 1) {
    const offset = Math.floor(random() * layout.storageSize);
    if (matrix.indexAt(offset) >= 0) continue;
    codes.add(code(offset));
    looked += 1;
  }
  return { codes: [...codes].sort((a, b) => a - b), looked };
}
