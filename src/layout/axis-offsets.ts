import { digitSum } from './dim.ts';
import type { Layout } from './layout.ts';
import { LayoutRangeError } from './layout.ts';

/*
 * A layout's offset is a sum over the dimensions. Whoever walks many elements adds two numbers instead of splitting every
 * coordinate into digits.
 */

/**
 * What one dimension adds to the storage offset.
 *
 * @post `layout.offset(c)` equals the sum of `axisOffset(layout, axis, c[axis])` over all axes
 * @throws LayoutRangeError for an axis or index outside the layout
 */
export function axisOffset(layout: Layout, axis: number, index: number): number {
  const dim = layout.dims[axis];
  if (dim === undefined || !Number.isInteger(index) || index < 0 || index >= dim.size) {
    throw new LayoutRangeError(
      `${layout.id}: index ${index} of dimension ${axis} is outside [${layout.shape.join(', ')}].`,
    );
  }
  return digitSum(dim, index);
}

/**
 * What each index `start … end - 1` of a dimension adds to the storage offset.
 * @throws LayoutRangeError for a range outside the dimension
 */
export function axisOffsets(
  layout: Layout,
  axis: number,
  start = 0,
  end: number = layout.shape[axis] ?? 0,
): Float64Array {
  const dim = layout.dims[axis];
  if (dim === undefined || !Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end > dim.size) {
    throw new LayoutRangeError(
      `${layout.id}: indices ${start} to ${end} of dimension ${axis} are outside [${layout.shape.join(', ')}].`,
    );
  }
  return Float64Array.from({ length: Math.max(0, end - start) }, (_, at) => digitSum(dim, start + at));
}
