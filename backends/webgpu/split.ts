import { type GpuArray, type GpuRange, paddedSize } from './buffers.ts';
import type { Gpu } from './gpu.ts';

export interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface BoundWindow {
  readonly binding: GpuRange;
  /** Bytes between the start of the binding and the first byte asked for. A multiple of four when `start` is. */
  readonly lead: number;
}

/**
 * The binding that holds bytes [start, end) of an array. Bindings start at multiples of the device's alignment, so the
 * window may begin earlier: shaders add `lead`.
 */
export function bindWindow(gpu: Gpu, array: GpuArray, start: number, end: number): BoundWindow {
  const aligned = Math.floor(start / gpu.alignment) * gpu.alignment;
  const last = Math.min(Math.ceil(end / 4) * 4, paddedSize(array.byteLength));
  return { binding: { array, start: aligned, byteLength: Math.max(4, last - aligned) }, lead: start - aligned };
}

/**
 * Splits `count` rows into consecutive parts whose windows fit one binding, for every operand that is read or written
 * row by row. Parts are multiples of `step` rows (the last may be shorter).
 *
 * @param rowBytes bytes a row takes in each operand
 * @returns undefined when not even `step` rows fit
 */
export function splitRows(gpu: Gpu, count: number, rowBytes: readonly number[], step = 1): readonly Span[] | undefined {
  // A window may start up to one alignment early and end up to three bytes late.
  const room = gpu.limits.maxStorageBufferBindingSize - gpu.alignment - 4;
  const widest = Math.max(...rowBytes);
  if (count * widest <= gpu.limits.maxStorageBufferBindingSize - 4) return [{ start: 0, end: count }];
  const rows = Math.floor(room / widest / step) * step;
  if (rows === 0) return undefined;
  return spans(count, rows);
}

/** [0, count) in consecutive parts of at most `size`. */
export function spans(count: number, size: number): readonly Span[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
    start: index * size,
    end: Math.min(count, (index + 1) * size),
  }));
}
