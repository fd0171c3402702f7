import type { Theme } from '../state/theme.ts';
import type { ReportMap } from './golden-map-json.ts';
import type { Grid, GridBlock, Paint } from './grid.ts';
import { commonColors, divergingColor } from './palettes.ts';

/** What a cell of the heat map stands for: a cell of the report, a tile of 16 x 16 elements, or a whole matrix (expert). */
export const MAP_MODES = ['matrix', 'tile', 'expert'] as const;
export type MapMode = (typeof MAP_MODES)[number];

/** A way to look at a map. Keys are cell numbers, row by row. */
export interface MapView {
  readonly grid: Grid;
  /** Mismatches and compared elements of a cell. */
  counts(key: number): { readonly failed: number; readonly compared: number };
  /** `n = 16 … 31, k = 0 … 15: 12 of 256 elements differ (4.69 %)`. */
  describe(key: number): string;
  /** Elements of a full cell: rows and columns; undefined for whole matrices. */
  readonly cell: readonly [number, number] | undefined;
}

/** The modes that say something about this map: tiles where a report's cells are not as large, experts where there are several. */
export function modesOf({ cell, matrices, rows, columns }: ReportMap): readonly MapMode[] {
  const hasTiles = (cell[0] < TILE || cell[1] < TILE) && (rows > TILE || columns > TILE);
  return MAP_MODES.filter((mode) => (mode === 'tile' ? hasTiles : mode === 'expert' ? matrices > 1 : true));
}

/** @param matrix one of `map.shown`; without meaning for experts */
export function mapView(map: ReportMap, mode: MapMode, matrix: number): MapView {
  return mode === 'expert' ? expertView(map) : cellView(map, matrix, mode === 'tile' ? TILE : 1);
}

/** The name of a matrix, `e = 3`; empty where there is one only. */
export function matrixName({ dims, matrixDims }: Pick<ReportMap, 'dims' | 'matrixDims'>, matrix: number): string {
  return namedIndices(dims.slice(0, matrixDims), matrix);
}

/** Rates as colours; cells without compared elements are hatched. Text tells the counts. */
export function mapPaint(view: MapView, theme: Theme): Paint {
  const { padding } = commonColors(theme);
  return {
    fill(keys, count, out) {
      for (let at = 0; at < count; at += 1) {
        const { failed, compared } = view.counts(keys[at] as number);
        out[at] = compared === 0 ? padding : rateColor(failed / compared, theme);
      }
    },
    text(key) {
      const { failed, compared } = view.counts(key);
      if (compared === 0) return [];
      if (compared === 1) return failed === 1 ? ['≠'] : [];
      return failed === 0 ? [] : [wholePercent(failed, compared), String(failed), `of ${compared}`];
    },
  };
}

/** The colour of a share of mismatches; none is nearly the background, and the smallest share is visible. */
export function rateColor(rate: number, theme: Theme): number {
  return divergingColor(rate === 0 ? 0 : Math.max(0.02, rate), theme);
}

/** Shares whose colours a legend shows. */
export const RATES: readonly number[] = [0, 0.01, 0.25, 0.5, 0.75, 1];

/** The matrix with the most mismatches, of those whose cells are in the report. */
export function worstMatrix({ shown, perMatrix }: Pick<ReportMap, 'shown' | 'perMatrix'>): number {
  const count = (matrix: number): number => perMatrix.mismatches[matrix] ?? 0;
  return shown.reduce((worst, { matrix }) => (count(matrix) > count(worst) ? matrix : worst), shown[0]?.matrix ?? 0);
}

/** `4.69 %`, with as many digits as tell it from 0 and 100. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %';
  if (part === whole) return '100 %';
  const share = (100 * part) / whole;
  return `${share < 0.01 ? '< 0.01' : share > 99.99 ? '> 99.99' : String(Number(share.toPrecision(3)))} %`;
}

/** Short enough for a small cell; 0 and 100 stand for none and all only. */
function wholePercent(part: number, whole: number): string {
  return `${part === whole ? 100 : Math.min(99, Math.max(1, Math.round((100 * part) / whole)))} %`;
}

const TILE = 16;

function cellView(map: ReportMap, matrix: number, least: number): MapView {
  const shown = map.shown.find((entry) => entry.matrix === matrix);
  // Both are powers of two: a tile is a whole number of cells.
  const cell = [Math.max(least, map.cell[0]), Math.max(least, map.cell[1])] as const;
  const [rows, columns] = [Math.ceil(map.rows / cell[0]), Math.ceil(map.columns / cell[1])];
  const [failed, compared] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
  const [across, up] = [cell[1] / map.cell[1], cell[0] / map.cell[0]];
  for (let at = 0; at < map.grid[0] * map.grid[1]; at += 1) {
    const row = Math.floor(Math.floor(at / map.grid[1]) / up);
    const key = row * columns + Math.floor((at % map.grid[1]) / across);
    failed[key] = (failed[key] as number) + (shown?.mismatches[at] ?? 0);
    compared[key] = (compared[key] as number) + (shown?.elements[at] ?? 0);
  }
  const counts: MapView['counts'] = (key) => ({ failed: failed[key] ?? 0, compared: compared[key] ?? 0 });
  const rowDims = map.dims.slice(map.matrixDims, -1);
  const columnDims = map.dims.slice(-1);
  const place = matrixName(map, matrix);
  const range = (dims: ReportMap['dims'], index: number, size: number, end: number): string =>
    rangeText(dims, index * size, Math.min(end, (index + 1) * size) - 1);
  return {
    cell,
    counts,
    grid: numbered(rows, columns, rows * columns, {
      blocks: blocksOf(cell),
      rowLabel: (row) => range(rowDims, row, cell[0], map.rows),
      columnLabel: (column) => range(columnDims, column, cell[1], map.columns),
    }),
    describe(key) {
      const parts = [
        place,
        range(rowDims, Math.floor(key / columns), cell[0], map.rows),
        range(columnDims, key % columns, cell[1], map.columns),
      ];
      return sentence(parts, counts(key));
    },
  };
}

function expertView(map: ReportMap): MapView {
  const { matrices, perMatrix } = map;
  const columns = Math.min(matrices, Math.max(8, Math.ceil(Math.sqrt(matrices))));
  const counts: MapView['counts'] = (key) => ({
    failed: perMatrix.mismatches[key] ?? 0,
    compared: perMatrix.elements[key] ?? 0,
  });
  return {
    cell: undefined,
    counts,
    grid: numbered(Math.ceil(matrices / columns), columns, matrices, {
      blocks: [],
      rowLabel: (row) => matrixName(map, row * columns),
      columnLabel: (column) => `+${column}`,
    }),
    describe: (key) => sentence([matrixName(map, key)], counts(key)),
  };
}

/** Lines at tiles of 16 and at scale blocks of 128, where these are several whole cells. */
function blocksOf(cell: readonly [number, number]): readonly GridBlock[] {
  const block = (elements: number, kind: GridBlock['kind']): readonly GridBlock[] => {
    const [rows, columns] = [Math.max(1, elements / cell[0]), Math.max(1, elements / cell[1])];
    return rows > 1 && columns > 1 ? [{ rows, columns, kind }] : [];
  };
  return [...block(128, 'scale'), ...block(TILE, 'tile')];
}

/** A grid whose keys number the cells; those from `count` on are not there. */
function numbered(
  rows: number,
  columns: number,
  count: number,
  rest: Pick<Grid, 'blocks' | 'rowLabel' | 'columnLabel'>,
): Grid {
  return {
    rows,
    columns,
    keyAt: (row, column) => (row * columns + column < count ? row * columns + column : -1),
    ...(count === rows * columns
      ? { bases: { row: (row: number) => row * columns, column: (column: number) => column } }
      : {}),
    cellOf: (key) => (key < 0 || key >= count ? undefined : { row: Math.floor(key / columns), column: key % columns }),
    ...rest,
  };
}

/** `k = 16 … 31`, `token = 3, slot = 1`; a range over several folded dimensions names its ends. */
function rangeText(dims: ReportMap['dims'], first: number, last: number): string {
  if (first === last) return namedIndices(dims, first);
  if (dims.length === 1) return `${dims[0]?.name} = ${first} … ${last}`;
  return dims.length === 0 ? '' : `${namedIndices(dims, first)} … ${namedIndices(dims, last)}`;
}

/** A folded index in the dimensions that it is made of. */
function namedIndices(dims: ReportMap['dims'], index: number): string {
  const parts: string[] = [];
  let rest = index;
  for (const { name, size } of dims.toReversed()) {
    parts.unshift(`${name} = ${rest % size}`);
    rest = Math.floor(rest / size);
  }
  return parts.join(', ');
}

function sentence(places: readonly string[], { failed, compared }: { failed: number; compared: number }): string {
  const place = places.filter((part) => part !== '').join(', ') || 'the element';
  if (compared === 0) return `${place}: not compared`;
  if (compared === 1) return `${place}: ${failed === 1 ? 'differs' : 'equal'}`;
  return `${place}: ${failed} of ${compared} elements differ (${percent(failed, compared)})`;
}
