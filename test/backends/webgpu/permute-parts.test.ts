import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { acquireGpu, releaseGpu } from '../../../backends/webgpu/device.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { permuteCalls } from '../../../backends/webgpu/kernels/permute.ts';
import { columnMajor, rowMajor, shuffleScale, shuffleWeight } from '../../../src/layout/catalog.ts';
import { permute } from '../../../src/layout/permute.ts';
import { tensor } from '../../../src/tensor/make.ts';
import { addressCoded, mismatches, ODD_LAYOUTS, type Outcome, POISON, thereAndBack, WIDTHS } from './permute-inputs.ts';

let whole: Backend;
beforeAll(async () => {
  whole = await openWebGpu();
});
afterAll(() => whole.dispose());

describe('permute on WebGPU', () => {
  it.each(WIDTHS)('moves odd numbers of $bits-bit elements', async (width) => {
    const outcomes: Outcome[] = [];
    for (const layout of ODD_LAYOUTS) outcomes.push(...(await thereAndBack(whole, layout, width)));
    expect(mismatches(outcomes)).toEqual([]);
  });

  it.each(WIDTHS.slice(0, 2))('moves $bits-bit elements between two layouts that are not row-major', async (width) => {
    const { bits, type } = width;
    const shape = [64, 128];
    const layouts = [
      columnMajor(shape),
      shuffleWeight(shape, { bits: 8 }),
      shuffleWeight(shape, { bits: 8, tile: [32, 16] }),
      shuffleScale(shape),
    ];
    const outcomes: Outcome[] = [];
    for (const from of layouts) {
      for (const to of layouts) {
        for (const bytes of addressCoded(from.size, bits)) {
          const stored = permute(bytes, rowMajor(shape), from, bits, { fill: POISON });
          const { y } = await whole.run('permute', { to }, { x: tensor('x', type, from, stored) });
          const wanted = permute(bytes, rowMajor(shape), to, bits);
          outcomes.push({ what: `${type} ${from.id} -> ${to.id}`, got: y.bytes, wanted });
        }
      }
    }
    expect(mismatches(outcomes)).toEqual([]);
  });

  it('fills padding with the byte that was asked for, zero by default, and keeps the name, type and scaling', async () => {
    const to = shuffleScale([3, 3]);
    const bytes = Uint8Array.from({ length: 9 }, (_, index) => index + 1);
    const x = tensor('w_scale', 'e8m0', rowMajor([3, 3]), bytes, 'e8m0');
    for (const fill of [undefined, 0, 1, 0x7f, 255]) {
      const { y } = await whole.run('permute', fill === undefined ? { to } : { to, fill }, { x });
      expect(y).toEqual(tensor('w_scale', 'e8m0', to, permute(bytes, x.layout, to, 8, { fill: fill ?? 0 }), 'e8m0'));
      expect(y.bytes.filter((byte) => byte === (fill ?? 0)).length).toBeGreaterThanOrEqual(to.storageSize - 9);
    }
  });

  it('leaves the spare nibble of an odd number of codes at zero, whatever the fill', async () => {
    const x = tensor('x', 'e2m1', rowMajor([3, 3]), Uint8Array.of(0x21, 0x43, 0x65, 0x87, 0xf9));
    const { y } = await whole.run('permute', { to: columnMajor([3, 3]), fill: 255 }, { x });
    expect(y.bytes).toEqual(Uint8Array.of(0x41, 0x27, 0x85, 0x63, 0x09));
  });

  it('moves nothing when there is nothing', async () => {
    const x = tensor('x', 'u8', rowMajor([0, 16]), new Uint8Array(0));
    const { y } = await whole.run('permute', { to: columnMajor([0, 16]) }, { x });
    expect(y.bytes).toEqual(new Uint8Array(0));
  });
});

describe('permute in parts', () => {
  // 1000 is no multiple of the alignment of bindings.
  it.each([
    { maxStorageBufferBindingSize: 512, maxComputeWorkgroupsPerDimension: 2 },
    { maxStorageBufferBindingSize: 1000 },
    { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 3 },
    { maxComputeWorkgroupsPerDimension: 6 },
  ])('gives what one part gives, on a device with %o', async (limits) => {
    const small = await openWebGpu({ limits });
    const outcomes: Outcome[] = [];
    for (const width of WIDTHS) {
      for (const layout of [columnMajor([7, 73]), shuffleScale([33, 9]), shuffleWeight([16, 64], { bits: 8 })]) {
        outcomes.push(...(await thereAndBack(small, layout, width)));
      }
    }
    expect(mismatches(outcomes)).toEqual([]);
    await small.dispose();
  });

  it('cuts source and target so that each fits a binding', async () => {
    const array = { buffer: {} as GPUBuffer, byteLength: 8192, label: 'x' };
    const layouts = { fromLayout: rowMajor([64, 64]), toLayout: columnMajor([64, 64]) };
    for (const [limit, parts] of [
      [512, 16],
      [1000, 11],
      [4096, 2],
      [8192, 1],
    ] as const) {
      const gpu = await acquireGpu({ limits: { maxStorageBufferBindingSize: limit } });
      const calls = permuteCalls({ ...gpu, alignment: 256 }, { from: array, to: array, ...layouts, bits: 16, fill: 0 });
      expect(calls).toHaveLength(parts ** 2);
      const sizes = calls.flatMap(({ bindings }) => bindings.map(({ byteLength }) => byteLength));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
      await releaseGpu(gpu);
    }
  });
});
