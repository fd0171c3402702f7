import { axisIndexAt, type Layout } from '../../layout/index.ts';
import { digitTable, type OffsetTable, offsetTable } from './offset-table.ts';

/** Indices of a storage offset along the dimensions, fast and without a coordinate array; see `Layout.coord`. */
export interface CoordReader {
  /** One for each dimension; in padding the padded index. */
  readonly axes: readonly OffsetTable[];
  /** Of the dimensions that the layout pads, with their logical sizes. */
  readonly padded: readonly { readonly axis: OffsetTable; readonly size: number }[];
}

const readers = new WeakMap<Layout, CoordReader>();

/** The reader of a layout, made once. */
export function coordReader(layout: Layout): CoordReader {
  let reader = readers.get(layout);
  if (reader === undefined) {
    const axes = layout.dims.map((dim) => offsetTable(layout, (offset) => axisIndexAt(dim, offset)));
    const padded = layout.dims.flatMap((dim, at) =>
      dim.padded > dim.size ? [{ axis: axes[at] as OffsetTable, size: dim.size }] : [],
    );
    reader = { axes, padded };
    readers.set(layout, reader);
  }
  return reader;
}

/** Whether a storage offset is padding. */
export function isPadding({ padded }: CoordReader, offset: number): boolean {
  for (let at = 0; at < padded.length; at += 1) {
    const { axis, size } = padded[at] as CoordReader['padded'][number];
    if (axis.at(offset) >= size) return true;
  }
  return false;
}

/** Row-major numbers of the elements at storage offsets, as `mapping.unravel` counts; of no meaning in padding. */
export function elementNumbers(layout: Layout): OffsetTable {
  let weight = 1;
  const weights = layout.shape.map(() => 0);
  for (let axis = weights.length - 1; axis >= 0; axis -= 1) {
    weights[axis] = weight;
    weight *= layout.shape[axis] as number;
  }
  return offsetTable(layout, (offset) =>
    layout.dims.reduce((sum, dim, axis) => sum + axisIndexAt(dim, offset) * (weights[axis] as number), 0),
  );
}

/**
 * A sum over the coordinate as a sum over the digits of storage offsets, where it is one: where each entry's part adds up over the
 * digits of that entry, as the number of a tile does whose size is a product of digits. In padding it is that of some coordinate.
 *
 * @param parts what each index of each dimension contributes, for padded indices too
 * @returns undefined where the parts do not add up, modulo `modulus`, or a digit is too large for a table
 */
export function digitSums(
  layout: Layout,
  parts: readonly ArrayLike<number>[],
  modulus: number,
): OffsetTable | undefined {
  const addsUp = layout.dims.every(({ factors, padded }, axis) => {
    const part = parts[axis] as ArrayLike<number>;
    for (let index = 0; index < padded; index += 1) {
      let rest = index;
      let place = 1;
      let sum = 0;
      for (let at = factors.length - 1; at >= 0; at -= 1) {
        const { size } = factors[at] as (typeof factors)[number];
        sum += part[(rest % size) * place] as number;
        rest = Math.floor(rest / size);
        place *= size;
      }
      if ((sum - (part[index] as number)) % modulus !== 0) return false;
    }
    return true;
  });
  if (!addsUp) return undefined;
  return digitTable(layout, (offset) =>
    layout.dims.reduce(
      (sum, dim, axis) => sum + ((parts[axis] as ArrayLike<number>)[axisIndexAt(dim, offset)] as number),
      0,
    ),
  );
}
