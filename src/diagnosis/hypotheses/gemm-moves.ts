import { elementBits } from '../../formats/element-type.ts';
import type { Layout } from '../../layout/layout.ts';
import { rowMajor } from '../../layout/plain.ts';
import { tensor } from '../../tensor/make.ts';
import { storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * A matrix or a stack of rows [R, …] with other rows: row r holds what row `from(r)` held, or zeros where that is no row. Stored as it was.
 */
export function rowsFrom(source: Tensor, from: (row: number) => number): Tensor {
  const { layout } = source;
  const [rows = 0] = layout.shape;
  const given = toRowMajor(source).bytes;
  const width = given.length / Math.max(1, rows);
  const moved = new Uint8Array(given.length);
  for (let row = 0; row < rows; row += 1) {
    const origin = from(row);
    if (origin >= 0 && origin < rows) moved.set(given.subarray(origin * width, (origin + 1) * width), row * width);
  }
  return fromRows(source, moved);
}

/**
 * A matrix whose column c holds what column `c - by` held, with zeros where that is none.
 * @param by in columns; even for fp4
 */
export function columnsShifted(source: Tensor, by: number): Tensor {
  const [, columns = 0] = source.layout.shape;
  const bits = elementBits(source.type);
  const [width, shift] = [(columns * bits) / 8, (by * bits) / 8];
  const given = toRowMajor(source).bytes;
  const moved = new Uint8Array(given.length);
  for (let row = 0; row < given.length; row += width) {
    const kept = given.subarray(row + Math.max(0, -shift), row + width - Math.max(0, shift));
    moved.set(kept, row + Math.max(0, shift));
  }
  return fromRows(source, moved);
}

/** A matrix of which only columns `start` to `end` are kept; the others are zeros. Even numbers for fp4. */
export function columnsKept(source: Tensor, start: number, end: number): Tensor {
  const [, columns = 0] = source.layout.shape;
  const bits = elementBits(source.type);
  const [width, first, last] = [columns, start, end].map((count) => (count * bits) / 8) as [number, number, number];
  const given = toRowMajor(source).bytes;
  const kept = new Uint8Array(given.length);
  for (let row = 0; row < given.length; row += width) kept.set(given.subarray(row + first, row + last), row + first);
  return fromRows(source, kept);
}

/** Row-major bytes of a tensor's shape, stored in its layout. */
export function fromRows(source: Tensor, bytes: Uint8Array): Tensor {
  const { name, type, layout, scaling } = source;
  return storedIn(tensor(name, type, rowMajor(layout.shape), bytes, scaling), layout);
}

/**
 * The bytes of a tensor where a kernel looks for another layout of another size: what it reads past the end is taken for zeros.
 */
export function bytesReadAs(source: Tensor, bytes: Uint8Array, layout: Layout = source.layout): Tensor {
  const { name, type, scaling } = source;
  const length = Math.ceil((layout.storageSize * elementBits(type)) / 8);
  const read = new Uint8Array(length);
  read.set(bytes.subarray(0, length));
  return tensor(name, type, layout, read, scaling);
}

/**
 * What a kernel reads that takes another distance between blocks of rows than they are stored at.
 * @param stored, read bytes from the start of a block to the next
 */
export function blocksReadAt(source: Tensor, stored: number, read: number): Tensor {
  const bytes = new Uint8Array(source.bytes.length);
  for (let at = 0, from = 0; at < bytes.length && from < bytes.length; at += stored, from += read)
    bytes.set(source.bytes.subarray(from, Math.min(from + stored, from + bytes.length - at)), at);
  return { ...source, bytes };
}
