import type { MatrixView } from './guess-candidates.ts';

/** What an element is predicted from, in the order of a row of `features`. */
export const FEATURES = ['row', 'column', 'half', 'along', 'across', 'part'] as const;
export type Feature = (typeof FEATURES)[number];

/** Rows and columns that stand for all others. */
const PROBES = 64;
/** Neighbours on either side. */
const NEAR = 2;
/** Rows whose offsets are kept. */
const MOST_ROWS = 2 ** 18;

/**
 * Features of one reading of the bytes. Each is a mean of the magnitudes of other elements than the one predicted:
 * - `row`, `column`: of its row, and of its column within its matrix;
 * - `half`: of its column within its half of the rows: gate or up;
 * - `along`, `across`: of its neighbours in the row, and in the column;
 * - `part`: of its half of the matrix.
 */
export class FeatureReader {
  readonly #magnitude: (offset: number) => number;
  readonly #matrix: MatrixView;
  readonly #mean: number;
  readonly #columns: readonly number[];
  readonly #rows: readonly (readonly number[])[];
  readonly #rowSums: Remembered;
  readonly #columnSums: Remembered;
  readonly #partMeans: Remembered;
  readonly #rowOffsets: Float64Array | undefined;
  readonly #columnOffsets: Float64Array;
  readonly #isColumnProbe: Uint8Array;
  readonly #isRowProbe: Uint8Array;

  /** @param mean the magnitude that stands for what is not there */
  constructor(magnitude: (offset: number) => number, matrix: MatrixView, mean: number, random: () => number) {
    this.#magnitude = magnitude;
    this.#matrix = matrix;
    this.#mean = mean;
    this.#rowOffsets =
      matrix.rows <= MOST_ROWS
        ? Float64Array.from({ length: matrix.rows }, (_, row) => matrix.rowOffset(row))
        : undefined;
    this.#columnOffsets = Float64Array.from({ length: matrix.columns }, (_, column) => matrix.columnOffset(column));
    this.#columns = choose(0, matrix.columns, PROBES, random);
    this.#rowSums = new Remembered(matrix.rows);
    this.#columnSums = new Remembered(2 * Math.ceil(matrix.rows / matrix.inner) * matrix.columns);
    this.#partMeans = new Remembered(2 * matrix.rows);
    const half = Math.ceil(matrix.inner / 2);
    this.#rows = [choose(0, half, PROBES / 2, random), choose(half, matrix.inner, PROBES / 2, random)];
    this.#isColumnProbe = marks(matrix.columns, this.#columns);
    this.#isRowProbe = marks(matrix.inner, this.#rows.flat());
  }

  /** Writes the features of element `index` (row-major) at `out[at] …`; `own` is its magnitude. */
  read(index: number, own: number, out: Float64Array, at: number): void {
    const { columns, inner } = this.#matrix;
    const column = index % columns;
    const row = (index - column) / columns;
    const inMatrix = row % inner;
    const first = row - inMatrix;
    const half = inMatrix < Math.ceil(inner / 2) ? 0 : 1;
    const ownColumn = this.#isColumnProbe[column] === 1;
    const ownRow = this.#isRowProbe[inMatrix] === 1;
    const sameHalf = this.#columnSum(first, half, column);
    const otherHalf = this.#columnSum(first, 1 - half, column);
    const sameCount = (this.#rows[half] ?? []).length;
    const otherCount = (this.#rows[1 - half] ?? []).length;
    out[at] = this.#without(this.#rowSum(row), this.#columns.length, ownColumn, own);
    out[at + 1] = this.#without(sameHalf + otherHalf, sameCount + otherCount, ownRow, own);
    out[at + 2] = this.#without(sameHalf, sameCount, ownRow, own);
    out[at + 3] = this.#along(row, column);
    out[at + 4] = this.#across(first, inMatrix, column);
    out[at + 5] = this.#partMean(first, half);
  }

  #without(sum: number, count: number, hasOwn: boolean, own: number): number {
    const others = hasOwn ? count - 1 : count;
    return others > 0 ? (sum - (hasOwn ? own : 0)) / others : this.#mean;
  }

  #rowSum(row: number): number {
    return this.#rowSums.get(row, () => {
      const base = this.#rowOffset(row);
      return this.#columns.reduce((sum, column) => sum + this.#at(base, column), 0);
    });
  }

  #columnSum(first: number, half: number, column: number): number {
    const key = ((first / this.#matrix.inner) * 2 + half) * this.#matrix.columns + column;
    return this.#columnSums.get(key, () =>
      (this.#rows[half] ?? []).reduce((sum, row) => sum + this.#at(this.#rowOffset(first + row), column), 0),
    );
  }

  /** Of the first 16 of the probe columns and all probe rows. */
  #partMean(first: number, half: number): number {
    return this.#partMeans.get(first * 2 + half, () => {
      const columns = this.#columns.slice(0, 16);
      const count = columns.length * (this.#rows[half] ?? []).length;
      if (count === 0) return this.#mean;
      return columns.reduce((sum, column) => sum + this.#columnSum(first, half, column), 0) / count;
    });
  }

  #along(row: number, column: number): number {
    const base = this.#rowOffset(row);
    const last = Math.min(this.#matrix.columns - 1, column + NEAR);
    let sum = 0;
    let count = 0;
    for (let near = Math.max(0, column - NEAR); near <= last; near += 1) {
      if (near === column) continue;
      sum += this.#at(base, near);
      count += 1;
    }
    return count === 0 ? this.#mean : sum / count;
  }

  #across(first: number, inMatrix: number, column: number): number {
    const last = Math.min(this.#matrix.inner - 1, inMatrix + NEAR);
    let sum = 0;
    let count = 0;
    for (let near = Math.max(0, inMatrix - NEAR); near <= last; near += 1) {
      if (near === inMatrix) continue;
      sum += this.#at(this.#rowOffset(first + near), column);
      count += 1;
    }
    return count === 0 ? this.#mean : sum / count;
  }

  #rowOffset(row: number): number {
    return this.#rowOffsets === undefined ? this.#matrix.rowOffset(row) : (this.#rowOffsets[row] as number);
  }

  #at(base: number, column: number): number {
    return this.#magnitude(base + (this.#columnOffsets[column] as number));
  }
}

/** Up to `count` different numbers from `begin` to `end - 1`, in rising order. */
export function choose(begin: number, end: number, count: number, random: () => number): readonly number[] {
  const size = end - begin;
  if (size <= count) return Array.from({ length: Math.max(0, size) }, (_, at) => begin + at);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(begin + Math.floor(random() * size));
  return [...chosen].sort((a, b) => a - b);
}

function marks(size: number, chosen: readonly number[]): Uint8Array {
  const out = new Uint8Array(size);
  for (const at of chosen) out[at] = 1;
  return out;
}

/** Numbers that are computed once: in an array where that is small enough, otherwise in a map. */
class Remembered {
  readonly #array: Float64Array | undefined;
  readonly #map = new Map<number, number>();

  constructor(size: number) {
    this.#array = size <= 2 ** 21 ? new Float64Array(size).fill(Number.NaN) : undefined;
  }

  get(key: number, make: () => number): number {
    const known = this.#array === undefined ? this.#map.get(key) : this.#array[key];
    if (known !== undefined && !Number.isNaN(known)) return known;
    const value = make();
    if (this.#array === undefined) this.#map.set(key, value);
    else this.#array[key] = value;
    return value;
  }
}
