import { type CatalogEntry, type CatalogParams, checkShape } from './catalog-entries.ts';
import { axisIndexAt, digitSum, type LayoutDim } from './dim.ts';
import type { Layout } from './layout.ts';

/** What the bytes may be: it decides which layouts of the catalog are asked. */
export type GuessRole = 'weight' | 'scale';

/** A layout that fits, with the shape it was bound to. */
export interface GuessCandidate {
  /** The layout's id first, then those of layouts that put every element at the same place for this shape. */
  readonly ids: readonly string[];
  readonly layout: Layout;
  readonly entry: CatalogEntry;
  readonly shape: readonly number[];
  readonly params: CatalogParams;
  readonly matrix: MatrixView;
}

/** A layout that does not fit, and why. */
export interface RejectedCandidate {
  readonly id: string;
  readonly reason: string;
}

/** A layout as a stack of matrices: leading dimensions fold into the rows, `inner` rows belong to one matrix. */
export interface MatrixView {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  rowOffset(row: number): number;
  columnOffset(column: number): number;
  /** Row-major number of the element at a storage offset; -1 in padding. */
  indexAt(offset: number): number;
}

/** The operands that a role may be. Activations are no files to guess, but their scales are. */
const OPERANDS: Readonly<Record<GuessRole, readonly CatalogEntry['operand'][]>> = {
  weight: ['any', 'weight', 'activation'],
  scale: ['any', 'weight scale', 'activation scale'],
};

/** Orders of gate and up along dimension 1 whatever follows it. A matrix has its rows in dimension 0. */
const ORDERS_BIAS: readonly string[] = ['gate_up_interleaved', 'gate_up_split_twice'];

/**
 * Layouts of `entries` that take the shape and fill exactly `byteLength` bytes, those with the same bytes as one candidate.
 * Shuffles of weight scales take the rows of all experts together: a shape `[E, N, G]` is bound to them as `[E * N, G]`.
 */
export function guessCandidates(
  entries: readonly CatalogEntry[],
  role: GuessRole,
  byteLength: number,
  shape: readonly number[],
  params: Required<CatalogParams>,
): { readonly fitting: readonly GuessCandidate[]; readonly rejected: readonly RejectedCandidate[] } {
  const fitting: GuessCandidate[] = [];
  const rejected: RejectedCandidate[] = [];
  for (const entry of entries) {
    if (!OPERANDS[role].includes(entry.operand)) continue;
    if (shape.length === 2 && ORDERS_BIAS.includes(entry.id)) {
      const reason = `${entry.id} orders dimension 1: of two dimensions that is a bias [E, 2 I]. Give a weight of gate and up rows as [1, 2 I, K].`;
      rejected.push({ id: entry.id, reason });
      continue;
    }
    const stacked = entry.operand === 'weight scale' && shape.length > 2;
    const own = stacked ? [product(shape.slice(0, -1)), shape.at(-1) ?? 1] : shape;
    const ownParams = stacked ? { ...params, experts: product(shape.slice(0, -2)) } : params;
    const verdict = checkShape(entry, own, ownParams);
    if (!verdict.ok) {
      rejected.push({ id: entry.id, reason: verdict.reason });
      continue;
    }
    const length = Math.ceil((verdict.layout.storageSize * params.bits) / 8);
    if (length !== byteLength) {
      rejected.push({
        id: entry.id,
        reason: `${entry.id} of this shape takes ${length} bytes, there are ${byteLength}.`,
      });
      continue;
    }
    const matrix = matrixView(verdict.layout, ownParams.experts);
    const twin = fitting.findIndex((other) => samePlaces(other.matrix, matrix));
    if (twin < 0)
      fitting.push({ ids: [entry.id], layout: verdict.layout, entry, shape: own, params: ownParams, matrix });
    else {
      const other = fitting[twin] as GuessCandidate;
      fitting[twin] = { ...other, ids: [...other.ids, entry.id] };
    }
  }
  return { fitting, rejected };
}

/** @param experts matrices stacked in the rows of a layout of two dimensions */
export function matrixView({ dims, shape }: Layout, experts = 1): MatrixView {
  const columnDim = dims.at(-1);
  const leading = dims.slice(0, -1);
  const columns = columnDim?.size ?? 1;
  const rows = product(leading.map(({ size }) => size));
  const last = shape.at(-2) ?? 1;
  return {
    rows,
    columns,
    inner: dims.length === 2 && last % experts === 0 ? last / experts : last,
    rowOffset(row) {
      let rest = row;
      let offset = 0;
      for (let axis = leading.length - 1; axis >= 0; axis -= 1) {
        const dim = leading[axis] as LayoutDim;
        const index = rest % dim.size;
        rest = (rest - index) / dim.size;
        offset += digitSum(dim, index);
      }
      return offset;
    },
    columnOffset: (column) => (columnDim === undefined ? 0 : digitSum(columnDim, column)),
    indexAt(offset) {
      let index = 0;
      for (const dim of dims) {
        const at = axisIndexAt(dim, offset);
        if (at >= dim.size) return -1;
        index = index * dim.size + at;
      }
      return index;
    },
  };
}

function samePlaces(a: MatrixView, b: MatrixView): boolean {
  if (a.rows !== b.rows || a.columns !== b.columns) return false;
  for (let column = 0; column < a.columns; column += 1)
    if (a.columnOffset(column) !== b.columnOffset(column)) return false;
  for (let row = 0; row < a.rows; row += 1) if (a.rowOffset(row) !== b.rowOffset(row)) return false;
  return true;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
