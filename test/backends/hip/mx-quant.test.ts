import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { MX_ELEMENTS, MX_SCALE_MODES } from '../../../src/formats/mx-scale.ts';
import { ROW_MATHS } from '../../../src/ops/shared/groups-rules.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES } from '../webgpu/quant-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

describe.skipIf(skipWithoutCpuRuntime)('MX quantisers on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  describe.each(SOURCE_TYPES)('from %s', (type) => {
    const x = hardMatrix(type, 11, 288, { group: 32 });

    it.each(MX_SCALE_MODES)('mxfp4_quant %s', async (mode) => {
      for (const math of ROW_MATHS) await expectReference(backend, 'mxfp4_quant', { mode, math }, { x });
    });

    it.each(MX_SCALE_MODES)('mxfp8_quant %s', async (mode) => {
      for (const format of ['e4m3fn', 'e4m3fnuz'] as const) {
        for (const math of ROW_MATHS) await expectReference(backend, 'mxfp8_quant', { format, mode, math }, { x });
      }
    });

    it('dynamic_mxfp4_quant', async () => {
      await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x });
    });
  });

  it.each([1, 7, 16, 33, 200, 257])('%i rows', async (rows) => {
    const x = hardMatrix('bf16', rows, 160, { group: 32 });
    await expectReference(backend, 'mxfp4_quant', {}, { x });
    await expectReference(backend, 'mxfp8_quant', {}, { x });
    await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x });
  });

  it.each([2, 8, 34, 40, 62, 64, 104])('dynamic_mxfp4_quant cuts off the last block of %i columns', async (columns) => {
    for (const type of SOURCE_TYPES) {
      await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x: hardMatrix(type, 7, columns, { group: 32 }) });
    }
  });

  it.each(MX_SCALE_MODES)('scales from the smallest to the largest, %s', async (mode) => {
    // One block for each exponent of binary32, up to just below infinity.
    const values = new Float32Array(255 * 32);
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < words.length; i += 1) {
      words[i] = ((Math.floor(i / 32) << 23) | Math.imul(i % 32, 0x41041)) & 0x7fffffff;
    }
    const x = floatTensor('x', 'f32', [255, 32], values);
    for (const math of ROW_MATHS) {
      await expectReference(backend, 'mxfp4_quant', { mode, math }, { x });
      await expectReference(backend, 'mxfp8_quant', { mode, math }, { x });
    }
    await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x });
  });

  describe('mx_scale', () => {
    // Both sides of every sixteenth of every exponent, infinities and NaNs of both signs.
    const bits = Uint32Array.from({ length: 256 * 64 + 3 }, (_, index) => {
      const [exponent, step] = [Math.floor(index / 64) & 255, index & 63];
      const low = [0, 1, 0x3ffff, 0x40000][step & 3] as number;
      return ((exponent << 23) | ((step >> 2) << 19) | low | ((index & 1) << 31)) >>> 0;
    });

    it.each(MX_ELEMENTS.flatMap((element) => MX_SCALE_MODES.map((mode) => [element, mode] as const)))(
      '%s %s',
      async (element, mode) => {
        for (const type of SOURCE_TYPES) {
          const x = floatTensor('x', type, [bits.length], new Float32Array(bits.buffer));
          await expectReference(backend, 'mx_scale', { element, mode }, { x });
        }
      },
    );
  });
});
