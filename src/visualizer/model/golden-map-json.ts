import { packedLength, unpackCounts } from '../../golden/runs.ts';
import type { JsonNode } from './golden-json.ts';

/** Counts of cells, matrices or blocks, unpacked. */
export interface MapCounts {
  readonly mismatches: readonly number[];
  /** Compared elements. */
  readonly elements: readonly number[];
}

/** A code and its value; `null` is NaN or infinite. */
export interface ReportValue {
  readonly code: string;
  readonly value: number | null;
}

export interface ReportElement {
  /** Undefined for padding. */
  readonly coord: readonly number[] | undefined;
  readonly offset: number;
  readonly byte: number;
  readonly expected: ReportValue;
  readonly actual: ReportValue;
  readonly allowed: readonly [number | null, number | null] | undefined;
  readonly isGoldenWrong: boolean;
  readonly measure: 'ofBound' | 'ulp';
  /** `null` is infinite. */
  readonly severity: number | null;
}

/** The `map` of a failing tensor, see docs/verify-json.md; counts are unpacked. */
export interface ReportMap {
  readonly type: string;
  readonly layout: string;
  readonly dims: readonly { readonly name: string; readonly size: number }[];
  readonly matrixDims: number;
  readonly matrices: number;
  readonly rows: number;
  readonly columns: number;
  readonly cell: readonly [number, number];
  readonly grid: readonly [number, number];
  readonly shown: readonly (MapCounts & { readonly matrix: number })[];
  readonly perMatrix: MapCounts;
  readonly parity16: readonly (MapCounts & { readonly axis: string })[];
  readonly blocks: readonly (MapCounts & { readonly axis: string; readonly size: number })[];
  readonly padding: { readonly mismatches: number; readonly elements: number };
  readonly skew: readonly { readonly axis: string; readonly text: string; readonly covers: number | null }[];
  readonly worst: readonly ReportElement[];
}

/** More than any map has; a file that claims more is refused before memory is taken for it. */
const MAX_COUNTS = 1 << 16;

/** @throws ReportError */
export function readMap(node: JsonNode): ReportMap {
  const dims = node
    .get('dims')
    .list()
    .map((dim) => ({ name: dim.get('name').text(), size: dim.get('size').count() }));
  const matrixDims = node.get('matrixDims').count();
  if (matrixDims > dims.length) node.get('matrixDims').fail(`at most ${dims.length}, the number of dims`);
  const [rows, columns] = [node.get('rows').count(), node.get('columns').count()];
  const cell = pair(node.get('cell'), 1);
  const grid = pair(node.get('grid'), 0);
  if (grid[0] !== Math.ceil(rows / cell[0]) || grid[1] !== Math.ceil(columns / cell[1])) {
    node
      .get('grid')
      .reject(
        `is [${grid}], expected [${Math.ceil(rows / cell[0])},${Math.ceil(columns / cell[1])}], the cells of ${rows} x ${columns} elements.`,
      );
  }
  const matrices = node.get('matrices').count();
  const expected = dims.slice(0, matrixDims).reduce((total, { size }) => total * size, 1);
  if (matrices !== expected) node.get('matrices').fail(`${expected}, the product of the leading dims`);
  return {
    type: node.get('type').text(),
    layout: node.get('layout').text(),
    dims,
    matrixDims,
    matrices,
    rows,
    columns,
    cell,
    grid,
    shown: node
      .get('shown')
      .list()
      .map((entry) => {
        const matrix = entry.get('matrix').count();
        if (matrix >= matrices) entry.get('matrix').fail(`less than ${matrices}, the number of matrices`);
        return { matrix, ...counts(entry, grid[0] * grid[1]) };
      }),
    perMatrix: counts(node.get('perMatrix'), matrices),
    parity16: node
      .get('parity16')
      .list()
      .map((entry) => ({ axis: entry.get('axis').text(), ...counts(entry, 2) })),
    blocks: node
      .get('blocks')
      .list()
      .map((entry) => {
        const size = entry.get('size').count(1);
        return { axis: entry.get('axis').text(), size, ...counts(entry, Math.ceil(columns / size)) };
      }),
    padding: {
      mismatches: node.get('padding').get('mismatches').count(),
      elements: node.get('padding').get('elements').count(),
    },
    skew: node
      .get('skew')
      .list()
      .map((entry) => ({
        axis: entry.get('axis').text(),
        text: entry.get('text').text(),
        covers: entry.get('covers').number(),
      })),
    worst: node
      .get('worst')
      .list()
      .map((entry) => readElement(entry, dims.length)),
  };
}

function readElement(node: JsonNode, dimensions: number): ReportElement {
  const measure = node.has('ofBound') || !('ulp' in Object(node.value)) ? 'ofBound' : 'ulp';
  const coord = node.has('coord')
    ? node
        .get('coord')
        .list()
        .map((entry) => entry.count())
    : undefined;
  if (coord !== undefined && coord.length !== dimensions) node.get('coord').fail(`${dimensions} indices`);
  return {
    coord,
    offset: node.get('offset').count(),
    byte: node.get('byte').count(),
    expected: readValue(node.get('expected')),
    actual: readValue(node.get('actual')),
    allowed: node.has('allowed') ? readAllowed(node.get('allowed')) : undefined,
    isGoldenWrong: node.has('goldenOutsideBound') && node.get('goldenOutsideBound').flag(),
    measure,
    severity: node.get(measure).number(),
  };
}

function readValue(node: JsonNode): ReportValue {
  return { code: node.get('code').text(), value: node.get('value').number() };
}

function readAllowed(node: JsonNode): readonly [number | null, number | null] {
  const [low, high, ...rest] = node.list();
  if (low === undefined || high === undefined || rest.length > 0) node.fail('the lowest and the highest value');
  return [low.number(), high.number()];
}

function pair(node: JsonNode, least: number): readonly [number, number] {
  const [rows, columns, ...rest] = node.list();
  if (rows === undefined || columns === undefined || rest.length > 0) node.fail('rows and columns');
  return [rows.count(least), columns.count(least)];
}

function counts(node: JsonNode, length: number): MapCounts {
  const [mismatches, elements] = [unpacked(node.get('mismatches'), length), unpacked(node.get('elements'), length)];
  if (mismatches.some((count, index) => count > (elements[index] as number)))
    node.get('mismatches').reject('counts more mismatches than compared elements.');
  return { mismatches, elements };
}

function unpacked(node: JsonNode, length: number): readonly number[] {
  const packed = node.list().map((entry) => {
    const { value } = entry;
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : entry.fail('a whole number');
  });
  const found = packedLength(packed);
  if (found !== length || length > MAX_COUNTS) node.reject(`holds ${found} counts, expected ${length}.`);
  return unpackCounts(packed);
}
