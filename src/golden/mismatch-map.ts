import { axisIndexAt, type LayoutDim } from '../layout/dim.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Mismatch } from './compare.ts';
import { type AxisCounts, findSkews, type Skew } from './mismatch-skew.ts';
import { packCounts } from './runs.ts';

/** Cells along an axis at most: 64, or 32 when more than four matrices are shown, so that all of them stay below 16384. */
const MAX_CELLS = 64;
const MAX_CELLS_OF_MANY = 32;
const MANY_MATRICES = 4;
/** Matrices whose cells are listed at most; the sums of all are always there. */
const MAX_SHOWN = 16;
/** More leading positions than this, or matrices of fewer rows, are rows of one matrix: the tokens of [token, slot, i]. */
const MAX_MATRICES = 512;
const MIN_MATRIX_ROWS = 16;
/** Blocks along the last dimension are listed up to this many. */
const MAX_BLOCKS = 1024;

/** Counts that belong together, packed by `packCounts`. */
export interface PackedCounts {
  readonly mismatches: readonly number[];
  /** Compared elements. */
  readonly elements: readonly number[];
}

/** One of the worst elements. Exactly one of `ofBound` and `ulp` is there; infinite (`null` in JSON) where no distance is defined. */
export interface WorstElement extends Mismatch {
  /** Error as a multiple of the allowed one, above 1; that of the golden value where `goldenOutsideBound` is set. */
  readonly ofBound?: number;
  /** Units in the last place of an exact comparison; the plain difference for integers. */
  readonly ulp?: number;
}

/**
 * Where a tensor differs, in logical coordinates and of bounded size. Leading dimensions count matrices (experts, batches), the last
 * two are their rows and columns; cells are rectangles of elements, aligned to powers of two.
 */
export interface MismatchMap {
  readonly type: string;
  readonly layout: string;
  /** Logical dimensions, outermost first. */
  readonly dims: readonly { readonly name: string; readonly size: number }[];
  /** How many leading dimensions count matrices; the others up to the last are folded into rows. */
  readonly matrixDims: number;
  readonly matrices: number;
  /** Size of each matrix in elements. */
  readonly rows: number;
  readonly columns: number;
  /** Rows and columns of a cell in elements; cells at the far edges may be smaller. */
  readonly cell: readonly [number, number];
  /** Rows and columns of cells. */
  readonly grid: readonly [number, number];
  /** The matrices with most mismatches, at most 16, in the order of their numbers. Cells are listed row by row. */
  readonly shown: readonly (PackedCounts & { readonly matrix: number })[];
  /** Sums of every matrix. */
  readonly perMatrix: PackedCounts;
  /** Sums over even and over odd blocks of 16 along the last two dimensions, where these are longer than 16. */
  readonly parity16: readonly {
    readonly axis: string;
    readonly mismatches: readonly [number, number];
    readonly elements: readonly [number, number];
  }[];
  /** Sums of each block of 32 and of 128 along the last dimension, where there are 2 to 1024 such blocks. */
  readonly blocks: readonly (PackedCounts & { readonly axis: string; readonly size: number })[];
  /** Where padding was compared too: elements that no cell counts. */
  readonly padding: { readonly mismatches: number; readonly elements: number };
  readonly skew: readonly Skew[];
  /** The worst elements, at most five, worst first. */
  readonly worst: readonly WorstElement[];
}

/** What a map is made of. */
export interface MapInput {
  readonly tensor: Tensor;
  /** Names of the logical dimensions; see `Expectation`. */
  readonly names: readonly string[] | undefined;
  /** One byte an element of storage, 1 where it differs. */
  readonly failed: Uint8Array;
  /** Whether an element of storage was compared. */
  compared(offset: number): boolean;
  readonly worst: readonly WorstElement[];
}

/** Draws the map of a failing tensor. One pass over the storage. */
export function mismatchMap(input: MapInput): MismatchMap {
  const { type, layout } = input.tensor;
  const dims = layout.dims.map(({ size }, axis) => ({ name: dimName(layout.dims, axis, input.names), size }));
  const fold = foldShape(layout.shape);
  const counts = count(input, fold);
  const columns = dims.length === 0 ? [] : [counts.axes(dims).at(-1) as AxisCounts];
  const [gridRows, gridColumns] = fold.grid;
  const cells = gridRows * gridColumns;
  const part = (matrix: number): PackedCounts => ({
    mismatches: packCounts(counts.cellFailed.subarray(matrix * cells, (matrix + 1) * cells)),
    elements: packCounts(counts.cellCompared.subarray(matrix * cells, (matrix + 1) * cells)),
  });
  const perMatrix = { compared: sums(counts.cellCompared, cells), failed: sums(counts.cellFailed, cells) };
  return {
    type,
    layout: layout.id,
    dims,
    matrixDims: fold.matrixDims,
    matrices: fold.matrices,
    rows: fold.rows,
    columns: fold.columns,
    cell: fold.cell,
    grid: fold.grid,
    shown: mostFailing(perMatrix.failed).map((matrix) => ({ matrix, ...part(matrix) })),
    perMatrix: { mismatches: packCounts(perMatrix.failed), elements: packCounts(perMatrix.compared) },
    parity16: counts
      .axes(dims)
      .slice(-2)
      .filter(({ compared }) => compared.length > 16)
      .map(parity16),
    blocks: columns.flatMap((axis) => [32, 128].flatMap((size) => blocksOf(axis, size))),
    padding: counts.padding,
    skew: findSkews(counts.axes(dims)),
    worst: input.worst,
  };
}

interface Fold {
  readonly matrixDims: number;
  readonly matrices: number;
  readonly rows: number;
  readonly columns: number;
  readonly cell: readonly [number, number];
  readonly grid: readonly [number, number];
}

function foldShape(shape: readonly number[]): Fold {
  const leading = product(shape.slice(0, -2));
  const separate = leading <= MAX_MATRICES && (shape.at(-2) ?? 1) >= MIN_MATRIX_ROWS;
  const matrixDims = separate ? shape.length - 2 : 0;
  const matrices = product(shape.slice(0, matrixDims));
  const rows = product(shape.slice(matrixDims, -1));
  const columns = shape.at(-1) ?? 1;
  const limit = matrices > MANY_MATRICES ? MAX_CELLS_OF_MANY : MAX_CELLS;
  const cell = [cellSize(rows, limit), cellSize(columns, limit)] as const;
  return {
    matrixDims,
    matrices,
    rows,
    columns,
    cell,
    grid: [Math.ceil(rows / cell[0]), Math.ceil(columns / cell[1])],
  };
}

/** The least power of two that leaves at most `limit` cells. */
function cellSize(size: number, limit: number): number {
  let cell = 1;
  while (size > cell * limit) cell *= 2;
  return cell;
}

interface Counts {
  /** One entry a cell of every matrix. */
  readonly cellCompared: Uint32Array;
  readonly cellFailed: Uint32Array;
  readonly padding: { readonly mismatches: number; readonly elements: number };
  /** Counts along each logical dimension. */
  axes(dims: MismatchMap['dims']): readonly AxisCounts[];
}

function count({ tensor, failed, compared }: MapInput, fold: Fold): Counts {
  const { dims } = tensor.layout;
  const cells = fold.matrices * fold.grid[0] * fold.grid[1];
  const cellCompared = new Uint32Array(cells);
  const cellFailed = new Uint32Array(cells);
  const axisCompared = dims.map(({ size }) => new Float64Array(size));
  const axisFailed = dims.map(({ size }) => new Float64Array(size));
  const padding = { mismatches: 0, elements: 0 };
  const at = new Float64Array(dims.length);
  const { matrixDims, cell, grid } = fold;
  const last = dims.length - 1;
  elements: for (let offset = 0; offset < failed.length; offset += 1) {
    if (!compared(offset)) continue;
    const fails = failed[offset] as number;
    for (let axis = 0; axis <= last; axis += 1) {
      const dim = dims[axis] as LayoutDim;
      const index = axisIndexAt(dim, offset);
      if (index >= dim.size) {
        padding.elements += 1;
        padding.mismatches += fails;
        continue elements;
      }
      at[axis] = index;
    }
    let matrix = 0;
    let row = 0;
    for (let axis = 0; axis <= last; axis += 1) {
      const index = at[axis] as number;
      (axisCompared[axis] as Float64Array)[index]! += 1;
      (axisFailed[axis] as Float64Array)[index]! += fails;
      const { size } = dims[axis] as LayoutDim;
      if (axis < matrixDims) matrix = matrix * size + index;
      else if (axis < last) row = row * size + index;
    }
    const cellRow = Math.floor(row / cell[0]);
    const cellColumn = Math.floor((last < 0 ? 0 : (at[last] as number)) / cell[1]);
    const place = (matrix * grid[0] + cellRow) * grid[1] + cellColumn;
    cellCompared[place]! += 1;
    cellFailed[place]! += fails;
  }
  return {
    cellCompared,
    cellFailed,
    padding,
    axes: (named) =>
      named.map(({ name }, axis) => ({
        name,
        compared: axisCompared[axis] as Float64Array,
        failed: axisFailed[axis] as Float64Array,
      })),
  };
}

/** A dimension's name: the expectation's, else the layout's, else what a matrix calls it. */
function dimName(dims: readonly LayoutDim[], axis: number, names: readonly string[] | undefined): string {
  const own = dims[axis]?.name ?? '';
  const given = names?.length === dims.length ? names[axis] : undefined;
  if (given !== undefined || !/^d\d+$/.test(own)) return given ?? own;
  if (axis === dims.length - 1) return 'column';
  if (axis === dims.length - 2) return 'row';
  return dims.length === 3 ? 'matrix' : `matrix${axis}`;
}

function mostFailing(failed: Float64Array): readonly number[] {
  return [...failed.keys()]
    .filter((matrix) => (failed[matrix] as number) > 0)
    .sort((a, b) => (failed[b] as number) - (failed[a] as number) || a - b)
    .slice(0, MAX_SHOWN)
    .sort((a, b) => a - b);
}

function parity16({ name, compared, failed }: AxisCounts): MismatchMap['parity16'][number] {
  const fold = (counts: Float64Array): readonly [number, number] => {
    const blocks = sums(counts, 16);
    const half = (odd: number): number => blocks.filter((_, block) => block % 2 === odd).reduce((a, b) => a + b, 0);
    return [half(0), half(1)];
  };
  return { axis: name, mismatches: fold(failed), elements: fold(compared) };
}

function blocksOf({ name, compared, failed }: AxisCounts, size: number): MismatchMap['blocks'] {
  const blocks = Math.ceil(compared.length / size);
  if (blocks < 2 || blocks > MAX_BLOCKS) return [];
  const packed = (counts: Float64Array): readonly number[] => packCounts(sums(counts, size));
  return [{ axis: name, size, mismatches: packed(failed), elements: packed(compared) }];
}

/** Sums of every `size` numbers in a row; the last may be of fewer. */
function sums(counts: Float64Array | Uint32Array, size: number): Float64Array {
  const totals = new Float64Array(Math.ceil(counts.length / size));
  for (let at = 0; at < counts.length; at += 1) totals[Math.floor(at / size)]! += counts[at] as number;
  return totals;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
