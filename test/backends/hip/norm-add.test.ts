// add_rmsnorm_quant, through koffi and the CPU runtime of the tests, against the CPU reference.
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { floatTensor } from '../webgpu/quant-inputs.ts';
import { skipWithoutCpuRuntime } from './cpu-runtime.ts';
import { expectWithinBound, noise, useCpuRuntime } from './norm-support.ts';

const OP = 'add_rmsnorm_quant';

describe.skipIf(skipWithoutCpuRuntime)(`${OP} on HIP`, () => {
  const device = useCpuRuntime();

  describe.each(['bf16', 'f16'] as const)('from %s', (type) => {
    it.each([
      [1, 8],
      [7, 128],
      [33, 384],
      [7, 2048],
      [3, 4096],
      [1, 8192],
      [5, 77],
      [2, 1000],
    ] as const)('%i rows of %i, one scale each', async (rows, columns) => {
      const x = noise('x', type, [rows, columns], 3, 4);
      const r = noise('r', type, [rows, columns], 4, 2);
      const w = noise('w', type, [columns], 5, 1.5);
      await expectWithinBound(device.backend, OP, {}, { x, w });
      await expectWithinBound(device.backend, OP, { eps: 1e-2, format: 'e4m3fnuz' }, { x, w, r });
      await expectWithinBound(device.backend, OP, { gemmaNorm: true }, { x, w, r });
    });

    it.each([
      { group: 8 },
      { group: 64, scaleStore: 'transposed-view' },
      { group: 128 },
      { group: 128, scaleStore: 'transposed-view', format: 'e4m3fnuz', gemmaNorm: true },
      { group: 512 },
      { group: 128, scaleType: 'e8m0' },
      { group: 64, scaleType: 'e8m0', scaleStore: 'transposed-view', format: 'e4m3fnuz' },
      { group: 32, scaleType: 'e8m0' },
      { group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' },
    ] as const)('groups: %o', async (params) => {
      for (const [rows, columns] of [
        [1, 512],
        [7, 1536],
        [33, 1024],
      ] as const) {
        const x = noise('x', type, [rows, columns], rows, 4);
        const r = noise('r', type, [rows, columns], 6, 2);
        const w = noise('w', type, [columns], 7);
        await expectWithinBound(device.backend, OP, params, { x, w });
        await expectWithinBound(device.backend, OP, params, { x, w, r });
      }
    });

    it('takes groups of threads that hold 24 elements, and scales in many tiles', async () => {
      const x = noise('x', type, [2, 6144], 8, 4);
      const w = noise('w', type, [6144], 9);
      for (const group of [24, 96, 192]) await expectWithinBound(device.backend, OP, { group }, { x, w });
      const tall = noise('x', type, [300, 288], 10, 4);
      const params = { group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' } as const;
      await expectWithinBound(device.backend, OP, params, { x: tall, w: noise('w', type, [288], 11) });
    });

    it('survives zero rows, huge and tiny rows, infinities and NaNs', async () => {
      const columns = 256;
      const largest = type === 'f16' ? 6e4 : 1e15;
      const rows = [0, largest, 1e-7, type === 'f16' ? 2 ** -24 : 2 ** -133, 1];
      const values = Float32Array.from(
        { length: rows.length * columns },
        (_, at) => rows[Math.floor(at / columns)] as number,
      );
      const w = noise('w', type, [columns], 12);
      const x = floatTensor('x', type, [rows.length, columns], values);
      for (const params of [{}, { group: 128 }, { group: 32, scaleType: 'e8m0' }, { eps: 0 }] as const) {
        await expectWithinBound(device.backend, OP, params, { x, w });
        await expectWithinBound(device.backend, OP, params, { x, w, r: { ...x, name: 'r' } });
      }
      values[4 * columns + 3] = Number.NaN;
      const bad = floatTensor('x', type, [rows.length, columns], values);
      const got = await device.backend.run(OP, { group: 128 }, { x: bad, w });
      // A NaN row has no magnitudes: codes of -max, and the scale of the floor.
      expect(new Set(got.y.bytes.subarray(4 * columns))).toEqual(new Set([0xfe]));
    });
  });

  it('truncates the sum to bf16 where asked', async () => {
    for (const columns of [256, 77]) {
      const x = noise('x', 'bf16', [3, columns], 1, 3);
      const r = noise('r', 'bf16', [3, columns], 2, 0.01);
      const w = noise('w', 'bf16', [columns], 3);
      const cut = await expectWithinBound(device.backend, OP, { residualRounding: 'truncate' }, { x, w, r });
      const nearest = await expectWithinBound(device.backend, OP, {}, { x, w, r });
      expect(cut['res_out']?.bytes).not.toEqual((nearest['res_out'] as Tensor).bytes);
    }
  });
});
