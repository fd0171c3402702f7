import type { KernelCall } from '../../ops/kernel-call.ts';
import { asBytes } from '../../tensor/make.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32 } from '../../tensor/views.ts';
import { gemmOperands, gemmSizes } from './gemm-calls.ts';
import { fromRows } from './gemm-moves.ts';

export type ScaleName = 'x_scale' | 'w_scale';

/** The two scales of a multiplication, with what a variant says of them. */
export const SCALES: readonly { readonly name: ScaleName; readonly detail: string }[] = [
  { name: 'x_scale', detail: 'of x' },
  { name: 'w_scale', detail: 'of w' },
];

/** One scale for each row of x, or row or row block of w, and each group of columns. */
export interface ScaleGrid {
  readonly rows: number;
  /** Groups of columns, padding of packed words left out. */
  readonly columns: number;
}

/** Four exponents of neighbouring groups lie in a word of packed scales, lowest byte first. */
const PACKED = 4;

export function scaleGrid(call: KernelCall, name: ScaleName): ScaleGrid {
  const { K, blockK } = gemmSizes(call);
  const { layout, type } = gemmOperands(call)[name];
  const columns = Math.ceil(K / blockK);
  const size = layout.size * (type === 'i32' ? PACKED : 1);
  // A scale of every output feature may come as [1, N].
  return { rows: columns === 1 && type !== 'i32' ? size : (layout.shape[0] ?? 1), columns };
}

/** A scale in which row r, group g holds what `from(r, g)` held: row and group, or undefined for a zero. */
export function scaleMoved(
  call: KernelCall,
  name: ScaleName,
  from: (row: number, group: number) => readonly [number, number] | undefined,
): Tensor {
  const scale = gemmOperands(call)[name];
  const { rows, columns } = scaleGrid(call, name);
  const given = toRowMajor(scale).bytes;
  const width = scale.type === 'f32' ? 4 : 1;
  const pitch = given.length / Math.max(1, rows);
  const moved = given.slice();
  for (let row = 0; row < rows; row += 1) {
    for (let group = 0; group < columns; group += 1) {
      const at = row * pitch + group * width;
      const origin = from(row, group);
      if (origin === undefined) moved.fill(0, at, at + width);
      else {
        const source = origin[0] * pitch + origin[1] * width;
        moved.set(given.subarray(source, source + width), at);
      }
    }
  }
  return fromRows(scale, moved);
}

/** A float scale with each number replaced. */
export function floatsMapped(scale: Tensor, change: (value: number) => number): Tensor {
  return { ...scale, bytes: asBytes(asF32(scale).map(change)) };
}

/** A scale of exponent bytes, one a scale or four a word, with each byte replaced. */
export function exponentsMapped(scale: Tensor, change: (byte: number) => number): Tensor {
  return { ...scale, bytes: scale.bytes.map(change) };
}

/** A scale of any kind, with each number to the power of `power` and times a power of two. */
export function scalePower(scale: Tensor, power: number, timesPowerOfTwo = 0): Tensor {
  if (scale.type === 'f32') return floatsMapped(scale, (value) => value ** power * 2 ** timesPowerOfTwo);
  return exponentsMapped(scale, (byte) =>
    // 255 is NaN and stays so.
    byte === 255 ? byte : Math.min(254, Math.max(0, (byte - 127) * power + timesPowerOfTwo + 127)),
  );
}
