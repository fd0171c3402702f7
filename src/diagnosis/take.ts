import { elementBits } from '../formats/element-type.ts';
import { catalog } from '../layout/catalog-entries.ts';
import type { CatalogParams } from '../layout/catalog-entry.ts';
import type { Layout } from '../layout/layout.ts';
import { permute } from '../layout/permute.ts';
import { rowMajor } from '../layout/plain.ts';
import { tensor } from '../tensor/make.ts';
import { toRowMajor } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Indices 0 .. count - 1. */
export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/**
 * The layout of the same name at another shape.
 * @param before what the layout was bound with, `after` what the new one is
 * @returns undefined where no catalog entry gives this very layout, or it does not take the shape
 */
export function rebind(
  layout: Layout,
  shape: readonly number[],
  before: CatalogParams,
  after: CatalogParams = before,
): Layout | undefined {
  if (layout.id === 'row-major') return rowMajor(shape);
  const entry = catalog.find(({ id }) => id === layout.id);
  if (entry === undefined) return undefined;
  try {
    // Not every option that a layout was bound with is part of its name.
    return entry.bind(layout.shape, before).equals(layout) ? entry.bind(shape, after) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Some indices of the first axis, in the order given, stored in the same layout.
 * @param experts that its rows are stacked from, before and after
 * @returns undefined where the layout does not exist at that shape
 */
export function takeRows(
  source: Tensor,
  rows: readonly number[],
  experts: readonly [number, number] = [1, 1],
): Tensor | undefined {
  const { shape } = source.layout;
  const bits = elementBits(source.type);
  const inner = shape.slice(1);
  const [before, after] = experts.map((count) => ({ bits, experts: count })) as [CatalogParams, CatalogParams];
  const target = rebind(source.layout, [rows.length, ...inner], before, after);
  const rowBits = inner.reduce((product, size) => product * size, bits);
  if (target === undefined || rowBits % 8 !== 0) return undefined;
  const width = rowBits / 8;
  const plain = toRowMajor(source).bytes;
  const taken = new Uint8Array(rows.length * width);
  rows.forEach((row, at) => {
    taken.set(plain.subarray(row * width, (row + 1) * width), at * width);
  });
  const bytes = target.id === 'row-major' ? taken : permute(taken, rowMajor(target.shape), target, bits);
  return tensor(source.name, source.type, target, bytes, source.scaling);
}

/** Some indices of the last axis of a row-major tensor of whole bytes. */
export function takeColumns(source: Tensor, columns: readonly number[]): Tensor {
  const { shape } = source.layout;
  const count = shape.at(-1) ?? 1;
  if (columns.length === count) return source;
  const width = elementBits(source.type) / 8;
  const rows = source.layout.size / Math.max(1, count);
  const plain = toRowMajor(source).bytes;
  const taken = new Uint8Array(rows * columns.length * width);
  let at = 0;
  for (let row = 0; row < rows; row += 1) {
    for (const column of columns) {
      const from = (row * count + column) * width;
      taken.set(plain.subarray(from, from + width), at);
      at += width;
    }
  }
  return tensor(source.name, source.type, rowMajor([...shape.slice(0, -1), columns.length]), taken, source.scaling);
}
