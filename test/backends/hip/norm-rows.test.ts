// fused_flatten_fp8_group_quant and act_mul_and_fp8_group_quant, through koffi and the CPU runtime, against the CPU reference.
import { describe, it } from 'vitest';
import { SCALE_STORES } from '../../../src/ops/shared/groups-output.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES, uniform } from '../webgpu/quant-inputs.ts';
import { skipWithoutCpuRuntime } from './cpu-runtime.ts';
import { expectWithinBound, noise, useCpuRuntime } from './norm-support.ts';

const FORMATS = ['e4m3fn', 'e4m3fnuz'] as const;

describe.skipIf(skipWithoutCpuRuntime)('fused_flatten_fp8_group_quant on HIP', () => {
  const device = useCpuRuntime();

  describe.each(SOURCE_TYPES)('from %s, the same bytes', (type) => {
    it.each([
      [1, 1, 128, 128],
      [7, 3, 256, 64],
      [33, 5, 128, 128],
      [5, 3, 128, 8],
      [3, 2, 1024, 512],
      [3, 2, 1024, 1024],
      [3, 5, 60, 20],
      [2, 3, 77, 77],
    ] as const)('%i rows of %i x %i in groups of %i', async (rows, heads, size, group) => {
      const { bytes } = hardMatrix(type, rows * heads, size, { group });
      const x = { ...noise('x', type, [rows, heads, size], 1), bytes };
      for (const format of FORMATS) {
        for (const scaleStore of SCALE_STORES) {
          const params = { format, group, scaleStore };
          await expectReference(device.backend, 'fused_flatten_fp8_group_quant', params, { x });
        }
      }
    });
  });
});

describe.skipIf(skipWithoutCpuRuntime)('act_mul_and_fp8_group_quant on HIP', () => {
  const device = useCpuRuntime();
  const op = 'act_mul_and_fp8_group_quant';

  describe.each(SOURCE_TYPES)('from %s', (type) => {
    it.each([
      [1, 128],
      [7, 384],
      [33, 640],
      [7, 2048],
      [3, 1000],
      [5, 77],
    ] as const)('%i rows of %i', async (rows, columns) => {
      const x = noise('x', type, [rows, 2 * columns], 5, 8);
      await expectWithinBound(device.backend, op, {}, { x });
      await expectWithinBound(device.backend, op, { format: 'e4m3fnuz', group: 64 }, { x });
      for (const scaleStore of SCALE_STORES) await expectWithinBound(device.backend, op, { scaleStore }, { x });
    });

    it.each([1, 8, 24, 32, 256, 512, 1024])('takes groups of %i', async (group) => {
      const x = noise('x', type, [3, 2, 1536], 6, 8);
      await expectWithinBound(device.backend, op, { group }, { x });
    });

    it('takes gates and up halves of every magnitude', async () => {
      const random = uniform(9);
      const columns = 128;
      const limit = type === 'f16' ? 6e4 : 1e30;
      const special = [0, -0, 1, -1, 20, -20, 87.2, -87.3, -88.7, 89, -104, 120, -700, limit, -limit, 2 ** -133];
      const rows = special.length ** 2;
      const values = Float32Array.from({ length: rows * 2 * columns }, (_, at) => {
        const row = Math.floor(at / (2 * columns));
        const pick = at % (2 * columns) < columns ? Math.floor(row / special.length) : row % special.length;
        return (special[pick] as number) * (1 + 0.1 * random());
      });
      await expectWithinBound(device.backend, op, {}, { x: floatTensor('x', type, [rows, 2 * columns], values) });
    });

    it('passes infinities and NaNs on', async () => {
      const { bytes } = hardMatrix(type, 30, 512, { group: 64 });
      const x = { ...noise('x', type, [30, 512], 1), bytes };
      await expectWithinBound(device.backend, op, { group: 64 }, { x });
    });
  });
});
