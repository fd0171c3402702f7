import { range, rebind } from '../diagnosis/take.ts';
import { elementBits } from '../formats/element-type.ts';
import { packNibbles, unpackNibbles } from '../formats/pack.ts';
import { permute } from '../layout/permute.ts';
import { rowMajor } from '../layout/plain.ts';
import { tensor } from '../tensor/make.ts';
import { toRowMajor } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Some indices of one dimension, in the order given, stored in the layout of the same name.
 * @param experts that the layout stacks in its rows, before and after
 * @returns undefined where the layout does not exist at that shape
 */
export function takeAlong(
  source: Tensor,
  dim: number,
  indices: readonly number[],
  experts: readonly [number, number] = [1, 1],
): Tensor | undefined {
  const { shape } = source.layout;
  if (indices.length === shape[dim] && indices.every((index, at) => index === at) && experts[0] === experts[1])
    return source;
  const taken = gather(elementsOf(source), shape, dim, indices);
  return withElements(source, shape.with(dim, indices.length), taken, experts);
}

/**
 * Some scales of rows whose scales lie four in an int32: the last dimension counts words, `indices` count scales.
 * @returns undefined where the layout does not exist at that shape
 */
export function takePacked(source: Tensor, indices: readonly number[]): Tensor | undefined {
  const { shape } = source.layout;
  const words = Math.ceil(indices.length / 4);
  const after = shape.with(-1, words);
  const layout = rebind(source.layout, after, { bits: 32 });
  if (layout === undefined) return undefined;
  const width = (shape.at(-1) ?? 0) * 4;
  const bytes = gatherBytes(toRowMajor(source).bytes, width, 1, indices, words * 4);
  const stored = layout.id === 'row-major' ? bytes : permute(bytes, rowMajor(after), layout, 32);
  return tensor(source.name, source.type, layout, stored, source.scaling);
}

/** The elements in logical row-major order: as many bytes each as they have, one for a 4-bit code. */
export function elementsOf(source: Tensor): Uint8Array {
  const { bytes } = toRowMajor(source);
  return elementBits(source.type) === 4 ? unpackNibbles(bytes, source.layout.size) : bytes;
}

/**
 * The tensor of these elements, in the layout of the source at another shape.
 * @param elements as `elementsOf` gives them
 */
export function withElements(
  source: Tensor,
  shape: readonly number[],
  elements: Uint8Array,
  experts: readonly [number, number] = [1, 1],
): Tensor | undefined {
  const bits = elementBits(source.type);
  const [before, after] = [
    { bits, experts: experts[0] },
    { bits, experts: experts[1] },
  ];
  const same = shape.every((size, dim) => size === source.layout.shape[dim]) && experts[0] === experts[1];
  const layout = same ? source.layout : rebind(source.layout, shape, before, after);
  if (layout === undefined) return undefined;
  const plain = bits === 4 ? packNibbles(even(elements)) : elements;
  const bytes = layout.id === 'row-major' ? plain : permute(plain, rowMajor(shape), layout, bits);
  return tensor(source.name, source.type, layout, bytes, source.scaling);
}

function even(codes: Uint8Array): Uint8Array {
  if (codes.length % 2 === 0) return codes;
  const padded = new Uint8Array(codes.length + 1);
  padded.set(codes);
  return padded;
}

function gather(elements: Uint8Array, shape: readonly number[], dim: number, indices: readonly number[]): Uint8Array {
  const size = shape.reduce((product, count) => product * count, 1);
  const inner = shape.slice(dim + 1).reduce((product, count) => product * count, 1);
  const width = size === 0 ? 0 : (elements.length / size) * inner;
  return gatherBytes(elements, (shape[dim] ?? 0) * width, width, indices, indices.length * width);
}

/** From each run of `from` bytes the pieces of `width` bytes at `indices`, in runs of `to` bytes. */
function gatherBytes(
  bytes: Uint8Array,
  from: number,
  width: number,
  indices: readonly number[],
  to: number,
): Uint8Array {
  const runs = from === 0 ? 0 : bytes.length / from;
  const out = new Uint8Array(runs * to);
  for (const run of range(runs)) {
    let at = run * to;
    for (const index of indices) {
      const start = run * from + index * width;
      out.set(bytes.subarray(start, start + width), at);
      at += width;
    }
  }
  return out;
}
