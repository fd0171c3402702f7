import { catalog } from './catalog-entries.ts';
import type { Layout } from './layout.ts';

/**
 * How many experts the rows of some layouts of one shape are stacked from, 1 where that makes no difference.
 * @param bits of an element
 * @returns undefined where the catalog gives not all of them, or not with the options that they have
 */
export function stackedExperts(layouts: readonly Layout[], bits: number): number | undefined {
  const rows = layouts[0]?.shape[0] ?? 1;
  for (let experts = 1; experts <= rows; experts += 1)
    if (rows % experts === 0 && layouts.every((layout) => isBound(layout, bits, experts))) return experts;
  return undefined;
}

function isBound(layout: Layout, bits: number, experts: number): boolean {
  const entry = catalog.find(({ id }) => id === layout.id);
  try {
    return entry?.bind(layout.shape, { bits, experts }).equals(layout) === true;
  } catch {
    return false;
  }
}
