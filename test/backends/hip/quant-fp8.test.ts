import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { SCALE_STORES } from '../../../src/ops/shared/groups-output.ts';
import { GROUP_MATHS, ROW_MATHS } from '../../../src/ops/shared/groups-rules.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES } from '../webgpu/quant-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

describe.skipIf(skipWithoutCpuRuntime)('fp8 quantisers on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  describe.each(SOURCE_TYPES)('from %s', (type) => {
    describe.each(['e4m3fn', 'e4m3fnuz'] as const)('to %s', (format) => {
      it.each(GROUP_MATHS)('per_1x128_quant, %s, every store of the scales', async (math) => {
        if (math === 'sglang-cuda' && format === 'e4m3fnuz') return;
        for (const rows of [1, 7, 33]) {
          const x = hardMatrix(type, rows, 384, { group: 128 });
          for (const scaleStore of SCALE_STORES) {
            await expectReference(backend, 'per_1x128_quant', { format, math, scaleStore }, { x });
          }
        }
      });

      it.each(ROW_MATHS)('per_token_quant, %s', async (math) => {
        // 128 columns take the group kernel's floor; 37 and 301 are no whole eights; 3000 is a workgroup's; 24 is three eights.
        for (const columns of [1, 24, 37, 64, 128, 301, 520, 3000]) {
          const x = hardMatrix(type, 19, columns, { group: columns });
          await expectReference(backend, 'per_token_quant', { format, math }, { x });
        }
      });

      it.each(ROW_MATHS)('per_tensor_quant, %s', async (math) => {
        for (const [rows, columns] of [
          [1, 1],
          [1, 8],
          [3, 7],
          [33, 300],
        ] as const) {
          // An infinity would leave nothing else to look at.
          const x = hardMatrix(type, rows, columns, { group: 50, special: false });
          await expectReference(backend, 'per_tensor_quant', { format, math }, { x });
        }
      });
    });
  });

  describe('shapes', () => {
    it.each([1, 7, 16, 33, 200, 257])('%i rows', async (rows) => {
      const x = hardMatrix('bf16', rows, 256, { group: 128 });
      for (const scaleStore of SCALE_STORES) await expectReference(backend, 'per_1x128_quant', { scaleStore }, { x });
      await expectReference(backend, 'per_token_quant', { math: 'hip' }, { x });
      await expectReference(backend, 'per_tensor_quant', {}, { x });
    });

    it.each([8, 16, 24, 32, 40, 48, 64, 96, 256, 512, 768])('groups of %i', async (group) => {
      const x = hardMatrix('f16', 5, group * 3, { group });
      for (const scaleStore of SCALE_STORES) {
        await expectReference(backend, 'per_1x128_quant', { group, math: 'hip', scaleStore }, { x });
      }
    });

    it.each([3, 5, 33, 2001])('groups of %i, which are no whole eights', async (group) => {
      const x = hardMatrix('f32', 6, group * 2, { group });
      await expectReference(backend, 'per_1x128_quant', { group, scaleStore: 'tma-aligned' }, { x });
    });

    it('rows longer than what a workgroup keeps in registers', async () => {
      for (const columns of [16384 + 2048 + 8, 33001]) {
        const x = hardMatrix('bf16', 2, columns, { group: 5000, special: false });
        await expectReference(backend, 'per_token_quant', {}, { x });
      }
    });

    it('a tensor that takes more rounds than one', async () => {
      const x = hardMatrix('f16', 1030, 2049, { group: 700, special: false });
      await expectReference(backend, 'per_tensor_quant', { math: 'hip' }, { x });
    });

    it('three leading dimensions are rows', async () => {
      const { bytes, type } = hardMatrix('bf16', 24, 256, { group: 128 });
      const x = { ...floatTensor('x', 'bf16', [2, 3, 4, 256], new Float32Array(24 * 256)), bytes, type };
      await expectReference(backend, 'per_1x128_quant', {}, { x });
      await expectReference(backend, 'per_1x128_quant', { scaleStore: 'column-major' }, { x });
      await expectReference(backend, 'per_token_quant', {}, { x });
    });

    it('a vector is one row', async () => {
      const { bytes, type } = hardMatrix('bf16', 1, 256, { group: 128 });
      const x = { ...floatTensor('x', 'bf16', [256], new Float32Array(256)), bytes, type };
      await expectReference(backend, 'per_1x128_quant', {}, { x });
      await expectReference(backend, 'per_token_quant', {}, { x });
    });
  });

  it('every number up to the largest code, through the conversion of the machine', async () => {
    // What decides a code are the upper 16 bits and whether a lower one is set. The first of each group makes the scale 1.
    const lower = [0, 1, 0x8000, 0xffff];
    const upper = 0x43e0;
    const words: number[] = [];
    for (let high = 0; high <= upper; high += 1) {
      for (const low of high === upper ? [0] : lower) {
        if (words.length % 8 === 0) words.push(0x43e00000);
        words.push(((high << 16) | low) >>> 0);
        if (words.length % 8 === 0) words.push(0x43e00000);
        words.push(((high << 16) | low | 0x80000000) >>> 0);
      }
    }
    while (words.length % 8 !== 0) words.push(0);
    const x = floatTensor('x', 'f32', [words.length / 8, 8], new Float32Array(Uint32Array.from(words).buffer));
    for (const math of GROUP_MATHS) {
      const { scale } = await backend.run('per_1x128_quant', { math, group: 8 }, { x });
      expect(new Set(asF32(scale))).toEqual(new Set([1]));
      await expectReference(backend, 'per_1x128_quant', { math, group: 8 }, { x });
    }
  });

  describe('degenerate tensors', () => {
    it.each(ROW_MATHS)('all zero, %s', async (math) => {
      const x = floatTensor('x', 'f32', [4, 256], new Float32Array(1024));
      await expectReference(backend, 'per_1x128_quant', { math }, { x });
      await expectReference(backend, 'per_token_quant', { math }, { x });
      await expectReference(backend, 'per_tensor_quant', { math }, { x });
    });

    it.each(ROW_MATHS)('all NaN, all infinite, %s', async (math) => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const x = floatTensor('x', 'bf16', [2, 128], new Float32Array(256).fill(value));
        await expectReference(backend, 'per_1x128_quant', { math }, { x });
        await expectReference(backend, 'per_token_quant', { math }, { x });
        await expectReference(backend, 'per_tensor_quant', { math }, { x });
      }
    });

    it.each(GROUP_MATHS)('scales and elements that are subnormal, %s', async (math) => {
      const values = Float32Array.from({ length: 1024 }, (_, i) => (i % 128) * 2 ** (-149 + Math.floor(i / 128) * 2));
      const x = floatTensor('x', 'f32', [4, 256], values);
      await expectReference(backend, 'per_1x128_quant', { math }, { x });
      if (math === 'torch' || math === 'hip') await expectReference(backend, 'per_tensor_quant', { math }, { x });
    });
  });
});
