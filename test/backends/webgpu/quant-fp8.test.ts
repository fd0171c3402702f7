import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { SCALE_STORES } from '../../../src/ops/shared/groups-output.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES } from './quant-inputs.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

const FORMATS = ['e4m3fn', 'e4m3fnuz'] as const;

describe.each(SOURCE_TYPES)('from %s', (type) => {
  describe.each(FORMATS)('to %s', (format) => {
    it.each(['torch', 'hip', 'aiter-triton', 'sglang-triton', 'sglang-cuda'] as const)(
      'per_1x128_quant, %s',
      async (math) => {
        if (math === 'sglang-cuda' && format === 'e4m3fnuz') return;
        const x = hardMatrix(type, 9, 384, { group: 128 });
        for (const scaleStore of SCALE_STORES) {
          await expectReference(backend, 'per_1x128_quant', { format, math, scaleStore }, { x });
        }
      },
    );

    it.each(['torch', 'hip'] as const)('per_token_quant, %s', async (math) => {
      // 128 columns take the group kernel's floor; 37 and 301 fill no whole words.
      for (const columns of [1, 37, 128, 301, 520]) {
        const x = hardMatrix(type, 19, columns, { group: columns });
        await expectReference(backend, 'per_token_quant', { format, math }, { x });
      }
    });

    it.each(['torch', 'hip'] as const)('per_tensor_quant, %s', async (math) => {
      for (const [rows, columns] of [
        [1, 1],
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

describe('degenerate tensors', () => {
  it.each(['torch', 'hip'] as const)('all zero, %s', async (math) => {
    const x = floatTensor('x', 'f32', [4, 256], new Float32Array(1024));
    await expectReference(backend, 'per_1x128_quant', { math }, { x });
    await expectReference(backend, 'per_token_quant', { math }, { x });
    await expectReference(backend, 'per_tensor_quant', { math }, { x });
  });

  it.each(['torch', 'hip'] as const)('all NaN, %s', async (math) => {
    const x = floatTensor('x', 'bf16', [2, 128], new Float32Array(256).fill(Number.NaN));
    await expectReference(backend, 'per_1x128_quant', { math }, { x });
    await expectReference(backend, 'per_tensor_quant', { math }, { x });
  });

  it('three leading dimensions are rows', async () => {
    const { bytes, type } = hardMatrix('bf16', 24, 256, { group: 128 });
    const x = { ...floatTensor('x', 'bf16', [2, 3, 4, 256], new Float32Array(24 * 256)), bytes, type };
    await expectReference(backend, 'per_1x128_quant', {}, { x });
    await expectReference(backend, 'per_token_quant', {}, { x });
  });

  it.each([32, 64, 96])('groups of %i', async (group) => {
    const x = hardMatrix('f16', 5, 192, { group });
    await expectReference(backend, 'per_1x128_quant', { group, math: 'hip' }, { x });
  });
});
