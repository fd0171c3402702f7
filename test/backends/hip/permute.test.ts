// The permutation kernel itself, through koffi and the CPU runtime of the tests, against the CPU reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, DeviceTensor } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { columnMajor, rowMajor, shuffleScale, shuffleWeight } from '../../../src/layout/catalog.ts';
import { Layout } from '../../../src/layout/layout.ts';
import { permute } from '../../../src/layout/permute.ts';
import { tensor } from '../../../src/tensor/make.ts';
import { addressCoded, layoutsFor, mismatches, type Outcome, thereAndBack, WIDTHS } from '../webgpu/permute-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

describe.skipIf(skipWithoutCpuRuntime)('permute on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  it('runs on what is said to be no GPU', () => {
    expect(backend.device.name).toContain('CPU emulation, not a GPU');
    expect(backend.device.facts['emulated']).toBe(true);
  });

  it.each(WIDTHS)('moves $bits-bit elements to every layout and back', async (width) => {
    const outcomes: Outcome[] = [];
    for (const layout of layoutsFor(width.bits)) outcomes.push(...(await thereAndBack(backend, layout, width)));
    expect(mismatches(outcomes)).toEqual([]);
  });

  it('moves between layouts that are not row-major, and where digits do not nest', async () => {
    const blocks = (size: number, count: number): Layout =>
      new Layout({
        id: `blocks of ${size}`,
        dims: [
          {
            name: 'n',
            size: 45,
            factors: [
              { name: 'n0', size: count },
              { name: 'n1', size },
            ],
          },
        ],
        order: ['n1', 'n0'],
      });
    const shape = [64, 128];
    const groups = [
      [columnMajor(shape), shuffleWeight(shape, { bits: 8 }), shuffleWeight(shape, { bits: 4 }), shuffleScale(shape)],
      [blocks(16, 3), blocks(24, 2), rowMajor([45])],
    ];
    const outcomes: Outcome[] = [];
    for (const { bits, type } of WIDTHS) {
      for (const [from, to] of groups.flatMap((layouts) =>
        layouts.flatMap((a) => layouts.map((b) => [a, b] as const)),
      )) {
        for (const bytes of addressCoded(from.size, bits)) {
          const stored = permute(bytes, rowMajor(from.shape), from, bits, { fill: 0xa5 });
          const { y } = await backend.run('permute', { to, fill: 0x5b }, { x: tensor('x', type, from, stored) });
          const wanted = permute(bytes, rowMajor(from.shape), to, bits, { fill: 0x5b });
          outcomes.push({ what: `${type} ${from.id} -> ${to.id}`, got: y.bytes, wanted });
        }
      }
    }
    expect(mismatches(outcomes)).toEqual([]);
  });

  it('fills padding and leaves the spare nibble at zero', async () => {
    const to = shuffleScale([3, 3]);
    const bytes = Uint8Array.from({ length: 9 }, (_, index) => index + 1);
    const x = tensor('w_scale', 'e8m0', rowMajor([3, 3]), bytes, 'e8m0');
    for (const fill of [undefined, 0, 1, 0x7f, 255]) {
      const { y } = await backend.run('permute', fill === undefined ? { to } : { to, fill }, { x });
      expect(y).toEqual(tensor('w_scale', 'e8m0', to, permute(bytes, x.layout, to, 8, { fill: fill ?? 0 }), 'e8m0'));
    }
    const codes = tensor('x', 'e2m1', rowMajor([3, 3]), Uint8Array.of(0x21, 0x43, 0x65, 0x87, 0xf9));
    const { y } = await backend.run('permute', { to: columnMajor([3, 3]), fill: 255 }, { x: codes });
    expect(y.bytes).toEqual(Uint8Array.of(0x41, 0x27, 0x85, 0x63, 0x09));
  });

  it('moves nothing when there is nothing', async () => {
    const x = tensor('x', 'u8', rowMajor([0, 16]), new Uint8Array(0));
    const { y } = await backend.run('permute', { to: columnMajor([0, 16]) }, { x });
    expect(y.bytes).toEqual(new Uint8Array(0));
  });

  it('takes tensors that are on the device, and many at once', async () => {
    const layout = shuffleWeight([64, 128], { bits: 8 });
    const bytes = Uint8Array.from({ length: 64 * 128 }, (_, index) => index * 7 + (index >> 8));
    const x = await backend.upload(tensor('w', 'e4m3fn', rowMajor([64, 128]), bytes));
    const there = await Promise.all(
      Array.from({ length: 8 }, () => backend.runOnDevice('permute', { to: layout }, { x })),
    );
    for (const { y } of there) {
      const back = await backend.runOnDevice('permute', { to: rowMajor([64, 128]) }, { x: y as DeviceTensor });
      expect((await backend.download(back['y'] as DeviceTensor)).bytes).toEqual(bytes);
      backend.free(y as DeviceTensor);
      backend.free(back['y'] as DeviceTensor);
    }
    backend.free(x);
  });
});
