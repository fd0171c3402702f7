import type { Layout } from '../../../layout/index.ts';

/** A rectangle of the last two dimensions that a layout keeps together. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/**
 * The tile in which a layout moves elements: the innermost digits in storage order, up to the first that counts tiles, as far as they
 * span a rectangle of neighbours. `n=(n0 n1:16) k=(k0 k1:2 k2:16) -> n0 k0 k1 n1 k2` has tiles of 16 rows by 32 columns; a row-major
 * tensor has none, which is a tile of one element.
 */
export function layoutTile(layout: Layout): Tile {
  const inside = new Set<string>();
  const counts = new Set(layout.dims.map(({ factors }) => counterOf(factors)));
  for (const name of layout.order.toReversed()) {
    if (counts.has(name)) break;
    inside.add(name);
  }
  const extent = (axis: number): number => {
    let size = 1;
    for (const factor of layout.dims.at(axis)?.factors.toReversed() ?? []) {
      if (!inside.has(factor.name)) break;
      size *= factor.size;
    }
    return size;
  };
  return { rows: layout.dims.length < 2 ? 1 : extent(-2), columns: extent(-1) };
}

/** The digit that counts tiles is the outermost of its dimension; `gu`, which tells gate from up, counts nothing. */
function counterOf(factors: readonly { readonly name: string }[]): string | undefined {
  return factors.find(({ name }) => name !== 'gu')?.name;
}
