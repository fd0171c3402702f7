import { elementBits } from '../../../formats/element-type.ts';
import type { Layout } from '../../../layout/index.ts';
import { unravel } from '../../../layout/index.ts';
import { type BlockScale, scaleCoord } from '../../../tensor/describe-element.ts';
import type { Grid } from '../grid.ts';
import { logicalGrid } from './logical.ts';
import { memoryGrid } from './memory.ts';

/** The scale tensor, its keys being its own storage offsets: as people write it, or as memory holds it. */
export function scaleGrid(scale: BlockScale, order: 'logical' | 'memory', lineBytes: number): Grid {
  const { layout, type } = scale.tensor;
  return order === 'logical' ? logicalGrid(layout) : memoryGrid(layout, elementBits(type), lineBytes);
}

/** Storage offset of the scale of an element; undefined for padding, which has none. */
export function scaleKeyOf(layout: Layout, scale: BlockScale, key: number): number | undefined {
  const coord = key >= 0 && key < layout.storageSize ? layout.coord(key) : undefined;
  return coord === undefined ? undefined : scale.tensor.layout.offset(scaleCoord(scale, layout.shape, coord));
}

/**
 * Storage offsets of the elements that share a scale; none for padding of the scale tensor.
 * @param scaleKey storage offset of the scale
 */
export function elementsOfScale(layout: Layout, scale: BlockScale, scaleKey: number): ReadonlySet<number> {
  const keys = new Set<number>();
  const { layout: scales } = scale.tensor;
  const coord = scaleKey >= 0 && scaleKey < scales.storageSize ? scales.coord(scaleKey) : undefined;
  if (coord === undefined) return keys;
  const { shape } = layout;
  const sizes = shape.map((size, axis) => Math.ceil(size / (scale.block[axis] ?? 1)));
  // Leading dimensions that the scale does not have are folded into its first.
  const folded = sizes.length - coord.length + 1;
  const block = [...unravel(coord[0] as number, sizes.slice(0, folded)), ...coord.slice(1)];
  const from = block.map((index, axis) => index * (scale.block[axis] ?? 1));
  const extent = from.map((start, axis) => Math.min(scale.block[axis] ?? 1, (shape[axis] as number) - start));
  const count = extent.reduce((product, size) => product * size, 1);
  for (let index = 0; index < count; index += 1) {
    keys.add(layout.offset(unravel(index, extent).map((step, axis) => (from[axis] as number) + step)));
  }
  return keys;
}
