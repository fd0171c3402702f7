import { catalog, type Layout } from '../../../../src/layout/index.ts';
import type { Grid } from '../../../../src/visualizer/model/grid.ts';

/** Small layouts of every kind: each entry of the catalog bound to its example, in the widths that it takes. */
export const EXAMPLES: readonly (readonly [string, Layout, number])[] = catalog.flatMap((entry) =>
  [4, 8].flatMap((bits): (readonly [string, Layout, number])[] => {
    const shape = entry.example.map((size, axis) =>
      axis === entry.example.length - 1 && bits === 4 ? size * 2 : size,
    );
    return [[`${entry.id} ${bits} bits`, entry.bind(shape, { bits }), bits]];
  }),
);

/** What is wrong with a grid whose cells are the given keys, each once; empty where all is well. */
export function gridProblems(grid: Grid, expected: ReadonlySet<number>): readonly string[] {
  const problems: string[] = [];
  const seen = new Set<number>();
  for (let row = 0; row < grid.rows; row += 1) {
    for (let column = 0; column < grid.columns; column += 1) {
      const key = grid.keyAt(row, column);
      const at = `(${row}, ${column})`;
      if (grid.bases !== undefined && grid.bases.row(row) + grid.bases.column(column) !== key)
        problems.push(`bases at ${at}`);
      if (key === -1) continue;
      if (seen.has(key)) problems.push(`${key} twice, again at ${at}`);
      seen.add(key);
      if (!expected.has(key)) problems.push(`unexpected ${key} at ${at}`);
      const cell = grid.cellOf(key);
      if (cell?.row !== row || cell.column !== column) problems.push(`cellOf(${key}) is not ${at}`);
    }
  }
  if (seen.size !== expected.size) problems.push(`${seen.size} keys, expected ${expected.size}`);
  return problems.slice(0, 5);
}

/** Storage offsets of every element of a layout, without padding. */
export function elementKeys(layout: Layout): ReadonlySet<number> {
  const keys = new Set<number>();
  for (let offset = 0; offset < layout.storageSize; offset += 1)
    if (layout.coord(offset) !== undefined) keys.add(offset);
  return keys;
}

export function allKeys(layout: Layout): ReadonlySet<number> {
  return new Set(Array.from({ length: layout.storageSize }, (_, offset) => offset));
}
