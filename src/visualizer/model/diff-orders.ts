import { applicationOrder, contiguousRun, type Layout } from '../../layout/index.ts';
import type { Pair } from './diff.ts';

/* What can be said of a pair without its digits. */

/** `applicationOrder` visits every element. */
const ORDER_LIMIT = 2 ** 20;

/** Both layouts store whole dimensions, in opposite orders. */
export function transposed({ written, read, names }: Pair): string | undefined {
  const dims = (layout: Layout): readonly number[] => {
    const strides = layout.dims.map(({ factors, size }, axis) => ({ axis, size, stride: wholeStride(factors) }));
    const wide = strides.filter(({ size }) => size > 1);
    return wide.some(({ stride }) => stride === undefined)
      ? []
      : wide.toSorted((a, b) => (b.stride as number) - (a.stride as number)).map(({ axis }) => axis);
  };
  const [from, to] = [dims(written.layout), dims(read.layout)];
  if (from.length !== 2 || String(from) !== String(to.toReversed())) return undefined;
  const unpadded = [written, read].every(({ layout }) => layout.size === layout.storageSize);
  if (!unpadded) return undefined;
  const [fastWritten, fastRead] = [names[from[1] as number], names[to[1] as number]];
  return (
    `Rows and columns change places: ${fastWritten} runs fastest in the bytes and ${fastRead} in the reading, ` +
    `as if the matrix had been transposed once too often or once too seldom.`
  );
}

/** The stride of a dimension that is one digit; undefined where it is split. */
export function wholeStride(
  factors: readonly { readonly size: number; readonly stride: number }[],
): number | undefined {
  let expected: number | undefined;
  for (const { size, stride } of factors.toReversed()) {
    if (size === 1) continue;
    if (expected !== undefined && stride !== expected) return undefined;
    expected = stride * size;
  }
  return factors.toReversed().find(({ size }) => size > 1)?.stride ?? 1;
}

/** Pieces that stay whole although no digit does. */
export function runNote({ written, read }: Pair): readonly string[] {
  const unpadded = [written, read].every(({ layout }) => layout.size === layout.storageSize);
  const run = unpadded ? contiguousRun(written.layout, read.layout) : 1;
  return run > 1 ? [`Pieces of ${run} elements stay whole.`] : [];
}

/** How often a shuffle must be applied to its own output to undo itself, where one side of the pair is the plain tensor. */
export function orderNote({ written, read }: Pair): readonly string[] {
  const plain = [written, read].find(({ layout }) => isRowMajor(layout));
  const other = plain === written ? read : written;
  const { layout } = other;
  if (plain === undefined || layout.size !== layout.storageSize || layout.size > ORDER_LIMIT) return [];
  const order = applicationOrder(layout);
  const name = layout.id;
  return [
    order === 2
      ? `Of this shape ${name} undoes itself: applied a second time it returns the plain bytes, so that a double one hides.`
      : `Applied to its own output, ${name} returns the plain bytes after ${order} rounds.`,
  ];
}

function isRowMajor({ dims, size, storageSize }: Layout): boolean {
  let stride = size;
  return (
    size === storageSize &&
    dims.every((dim) => {
      stride /= dim.size;
      return dim.size === 1 || wholeStride(dim.factors) === stride;
    })
  );
}
