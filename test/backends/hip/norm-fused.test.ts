// fused_rms_fp8_group_quant, through koffi and the CPU runtime of the tests, against the CPU reference.
import { describe, expect, it } from 'vitest';
import { ops } from '../../../src/ops/registry.ts';
import { SCALE_STORES } from '../../../src/ops/shared/groups-output.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../../src/tensor/views.ts';
import { floatTensor, hardMatrix, SOURCE_TYPES } from '../webgpu/quant-inputs.ts';
import { skipWithoutCpuRuntime } from './cpu-runtime.ts';
import { expectWithinBound, noise, useCpuRuntime } from './norm-support.ts';

const OP = 'fused_rms_fp8_group_quant';

describe.skipIf(skipWithoutCpuRuntime)(`${OP} on HIP`, () => {
  const device = useCpuRuntime();

  describe.each(SOURCE_TYPES)('from %s', (type) => {
    // Every compiled row length; odd numbers of groups; rows that end in a group, in an eight, and in neither.
    it.each([
      [1, 128],
      [7, 384],
      [33, 640],
      [7, 896],
      [1, 1152],
      [7, 2048],
      [3, 2176],
      [2, 4224],
      [1, 8320],
      [3, 1000],
      [7, 300],
      [3, 77],
      [2, 1],
      [1, 16392],
    ] as const)('%i rows of %i', async (rows, columns) => {
      const x = noise('x', type, [rows, columns], 3, 4);
      const r = noise('r', type, [rows, columns], 4, 2);
      const w = noise('w', type, [columns], 5, 1.5);
      await expectWithinBound(device.backend, OP, {}, { x, w });
      await expectWithinBound(device.backend, OP, { eps: 1e-5, group: 64, format: 'e4m3fnuz' }, { x, w, r });
    });

    it.each(SCALE_STORES)('stores scales %s', async (scaleStore) => {
      for (const [rows, columns] of [
        [1, 384],
        [7, 640],
        [33, 1152],
        [6, 300],
      ] as const) {
        const x = noise('x', type, [rows, columns], rows, 3);
        await expectWithinBound(device.backend, OP, { scaleStore }, { x, w: noise('w', type, [columns], 7) });
      }
    });

    it.each([1, 8, 16, 24, 32, 64, 100, 256, 512, 1024, 4096])('takes groups of %i', async (group) => {
      const x = noise('x', type, [3, 1536], 8, 2);
      await expectWithinBound(device.backend, OP, { group }, { x, w: noise('w', type, [1536], 9) });
    });

    it('survives zero rows, and rows of very large and very small numbers', async () => {
      const columns = 256;
      const largest = type === 'f16' ? 6e4 : 1e15;
      const least = { f32: 2 ** -149, bf16: 2 ** -133, f16: 2 ** -24 }[type];
      const rows = [0, largest, 1e-7, least, 7 * least, 1e-20, -0];
      const values = Float32Array.from({ length: rows.length * columns }, (_, at) => {
        const sign = at % 3 === 0 ? -1 : 1;
        return sign * (rows[Math.floor(at / columns)] as number);
      });
      const x = floatTensor('x', type, [rows.length, columns], values);
      const w = noise('w', type, [columns], 8);
      await expectWithinBound(device.backend, OP, {}, { x, w });
      await expectWithinBound(device.backend, OP, {}, { x, w, r: { ...x, name: 'r' } });
    });

    it('divides by zero where rows and epsilon are zero', async () => {
      const values = Float32Array.from({ length: 3 * 128 }, (_, at) => (at < 128 ? 0 : at - 200));
      const x = floatTensor('x', type, [3, 128], values);
      const got = await expectWithinBound(device.backend, OP, { eps: 0 }, { x, w: noise('w', type, [128], 8) });
      expect(new Set(got['y']?.bytes.subarray(0, 128))).toEqual(new Set([0x7f]));
    });

    it('takes numbers of every magnitude, infinities and NaNs', async () => {
      const x = hardMatrix(type, 40, 512, { group: 512 });
      for (const columns of [512, 128]) {
        const matrix: Tensor = hardMatrix(type, 40, columns, { group: 64, special: false });
        await expectWithinBound(device.backend, OP, {}, { x: matrix, w: noise('w', type, [columns], 3) });
      }
      await expectWithinBound(device.backend, OP, {}, { x, w: noise('w', type, [512], 4) });
    });

    it('normalises a second input', async () => {
      for (const [columns, second] of [
        [1536, 512],
        [130, 77],
        [256, 2304],
      ] as const) {
        const x = noise('x', type, [7, columns], 10, 2);
        const w = noise('w', type, [columns], 11);
        const x2 = noise('x2', type, [7, second], 12, 5);
        const w2 = noise('w2', type, [second], 13);
        await expectWithinBound(device.backend, OP, { eps2: 1e-3 }, { x, w, x2, w2, r: { ...x, name: 'r' } });
      }
    });

    it('takes weights of any float type, and more than two dimensions', async () => {
      for (const columns of [130, 256]) {
        const x = noise('x', type, [2, 3, columns], 6);
        for (const kind of SOURCE_TYPES) {
          await expectWithinBound(device.backend, OP, {}, { x, w: noise('w', kind, [columns], 7) });
        }
      }
    });
  });

  it.each(['reverse', 'random:1', 'random:2'])('gives the same in whatever order waves run: %s', async (order) => {
    const variable = 'PRESHUFFLE_HIP_CPU_ORDER';
    const before = process.env[variable];
    for (const [columns, group] of [
      [2048, 2048],
      [1152, 128],
      [333, 111],
    ] as const) {
      const operands = { x: noise('x', 'bf16', [5, columns], 14), w: noise('w', 'bf16', [columns], 15) };
      const want = await device.backend.run(OP, { group }, operands);
      process.env[variable] = order;
      try {
        expect(await device.backend.run(OP, { group }, operands)).toEqual(want);
      } finally {
        if (before === undefined) delete process.env[variable];
        else process.env[variable] = before;
      }
    }
  });

  it('quantises the float32 norm, exactly', async () => {
    for (const [rows, columns, group] of [
      [9, 640, 128],
      [5, 333, 37],
    ] as const) {
      const x = noise('x', 'f32', [rows, columns], 10, 3);
      const w = noise('w', 'f32', [columns], 11);
      const got = await expectWithinBound(device.backend, OP, { group }, { x, w });
      const norm = { ...(got['norm'] as Tensor), name: 'x' };
      const want = ops.per_1x128_quant.reference({ math: 'aiter-triton', group }, { x: norm });
      expect(asF32(got['scale'] as Tensor)).toEqual(asF32(want.scale));
      expect(got['y']?.bytes).toEqual(want.y.bytes);
    }
  });

  it('rounds the residual sum once, from float32', async () => {
    // 1 + 2^-8 lies halfway between two bf16 numbers; the even one is 1.
    const x = floatTensor('x', 'bf16', [1, 128], new Float32Array(128).fill(1));
    const residual = Float32Array.from({ length: 128 }, (_, at) => 2 ** -8 * (at % 2 === 0 ? 1 : 1.0078125));
    const r = floatTensor('r', 'bf16', [1, 128], residual);
    const got = await expectWithinBound(device.backend, OP, {}, { x, w: noise('w', 'bf16', [128], 12), r });
    expect(Array.from(asU16(got['res_out'] as Tensor).subarray(0, 2))).toEqual([0x3f80, 0x3f81]);
  });
});
