import { describe, expect, it } from 'vitest';
import type { GpuArray } from '../../../backends/webgpu/buffers.ts';
import type { Gpu } from '../../../backends/webgpu/gpu.ts';
import { bindWindow, spans, splitRows } from '../../../backends/webgpu/split.ts';

/** Splitting looks at limits only. */
function device(maxStorageBufferBindingSize: number, alignment = 256): Gpu {
  return { alignment, limits: { maxStorageBufferBindingSize } } as Gpu;
}

function array(byteLength: number): GpuArray {
  return { buffer: {} as GPUBuffer, byteLength, label: 'x' };
}

describe('spans', () => {
  it('cuts a range into consecutive parts', () => {
    expect(spans(0, 4)).toEqual([]);
    expect(spans(4, 4)).toEqual([{ start: 0, end: 4 }]);
    expect(spans(9, 4)).toEqual([
      { start: 0, end: 4 },
      { start: 4, end: 8 },
      { start: 8, end: 9 },
    ]);
  });
});

describe('bindWindow', () => {
  it('starts at the alignment and tells how far off that is', () => {
    const x = array(2048);
    expect(bindWindow(device(4096), x, 0, 2048)).toEqual({
      binding: { array: x, start: 0, byteLength: 2048 },
      lead: 0,
    });
    expect(bindWindow(device(4096), x, 512, 1024)).toEqual({
      binding: { array: x, start: 512, byteLength: 512 },
      lead: 0,
    });
    expect(bindWindow(device(4096), x, 700, 900)).toEqual({
      binding: { array: x, start: 512, byteLength: 388 },
      lead: 188,
    });
    expect(bindWindow(device(4096, 32), x, 700, 900)).toEqual({
      binding: { array: x, start: 672, byteLength: 228 },
      lead: 28,
    });
  });

  it('binds whole words, up to the padding of the array and not beyond', () => {
    expect(bindWindow(device(4096), array(1023), 256, 1023).binding).toMatchObject({ start: 256, byteLength: 768 });
    expect(bindWindow(device(4096), array(1023), 256, 513).binding).toMatchObject({ start: 256, byteLength: 260 });
    expect(bindWindow(device(4096), array(1), 0, 64).binding).toMatchObject({ start: 0, byteLength: 4 });
  });

  it('never binds nothing, which is invalid', () => {
    expect(bindWindow(device(4096), array(0), 0, 0).binding).toMatchObject({ start: 0, byteLength: 4 });
  });
});

describe('splitRows', () => {
  it('leaves rows together that fit', () => {
    expect(splitRows(device(1024), 10, [102])).toEqual([{ start: 0, end: 10 }]);
    expect(splitRows(device(1024), 0, [100])).toEqual([{ start: 0, end: 0 }]);
  });

  it('leaves room for the alignment and for whole words', () => {
    // 103 * 10 do not fit 1020 bytes; a part has 1024 - 256 - 4 = 764.
    expect(splitRows(device(1024), 10, [103])).toEqual([
      { start: 0, end: 7 },
      { start: 7, end: 10 },
    ]);
  });

  it('goes by the widest operand, fractions of bytes included', () => {
    expect(splitRows(device(1024), 20, [10, 100, 0.5])).toEqual(spans(20, 7));
    expect(splitRows(device(1024), 4000, [0.5, 0.25])).toEqual(spans(4000, 1528));
  });

  it('cuts at multiples of the step', () => {
    expect(splitRows(device(1024), 20, [100], 3)).toEqual(spans(20, 6));
    expect(splitRows(device(1024), 20, [100], 7)).toEqual(spans(20, 7));
  });

  it('gives up when not even one step fits', () => {
    expect(splitRows(device(1024), 20, [100], 8)).toBeUndefined();
    expect(splitRows(device(1024), 2, [765])).toBeUndefined();
    // Alone it fits: nothing has to be cut.
    expect(splitRows(device(1024), 1, [1020])).toEqual([{ start: 0, end: 1 }]);
  });

  it('makes parts whose windows fit a binding, wherever they start', () => {
    for (const limit of [512, 1000, 1024, 4096]) {
      for (const alignment of [32, 256]) {
        for (let rowBytes = 1; rowBytes <= 200; rowBytes += 7) {
          const gpu = device(limit, alignment);
          const x = array(rowBytes * 101);
          const parts = splitRows(gpu, 101, [rowBytes]) ?? [];
          for (const { start, end } of parts) {
            const { binding, lead } = bindWindow(gpu, x, start * rowBytes, end * rowBytes);
            expect(binding.byteLength).toBeLessThanOrEqual(limit);
            expect(lead + (end - start) * rowBytes).toBeLessThanOrEqual(binding.byteLength);
          }
          expect(parts.at(-1)?.end).toBe(101);
        }
      }
    }
  });
});
