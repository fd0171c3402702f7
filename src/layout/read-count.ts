import { axisOffsets } from './axis-offsets.ts';
import type { Layout } from './layout.ts';
import { requireSameShape } from './same-shape.ts';

/** How often each value of a sum occurs. */
type Histogram = ReadonlyMap<number, number>;

/**
 * How many elements a kernel still gets right that reads bytes of `written` as `read`: those with one offset in both. Padding never
 * counts.
 *
 * Offsets are sums over the dimensions, so an element is right where the differences that its indices make cancel out. Counting needs
 * the differences of each dimension, not each element: milliseconds for experts of 2 billion elements.
 *
 * @post `correct` is the number of coordinates c with `written.offset(c) === read.offset(c)`; `total` is `written.size`
 * @throws PreshuffleError when the two are bound to different shapes
 */
export function correctlyRead(written: Layout, read: Layout): { readonly correct: number; readonly total: number } {
  requireSameShape(written, read);
  const differences = written.dims.map((_, axis) => axisDifferences(written, read, axis));
  // The widest dimension is only looked up, never multiplied out.
  const [widest, ...others] = differences.toSorted((a, b) => b.size - a.size);
  if (widest === undefined) return { correct: written.size, total: written.size };
  const rest = others.toReversed().reduce(sumOf, new Map([[0, 1]]));
  let correct = 0;
  for (const [difference, count] of rest) correct += count * (widest.get(-difference) ?? 0);
  return { correct, total: written.size };
}

/** By how much the indices of one dimension move an element between the two storages. */
function axisDifferences(written: Layout, read: Layout, axis: number): Histogram {
  const to = axisOffsets(read, axis);
  const counts = new Map<number, number>();
  for (const [index, from] of axisOffsets(written, axis).entries()) {
    const difference = from - (to[index] as number);
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
  }
  return counts;
}

function sumOf(a: Histogram, b: Histogram): Histogram {
  const counts = new Map<number, number>();
  for (const [x, times] of a) {
    for (const [y, more] of b) counts.set(x + y, (counts.get(x + y) ?? 0) + times * more);
  }
  return counts;
}
