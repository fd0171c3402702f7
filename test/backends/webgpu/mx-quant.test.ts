import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { MX_ELEMENTS, MX_SCALE_MODES } from '../../../src/formats/mx-scale.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES } from './quant-inputs.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

describe.each(SOURCE_TYPES)('from %s', (type) => {
  const x = hardMatrix(type, 11, 288, { group: 32 });

  it.each(MX_SCALE_MODES)('mxfp4_quant %s', async (mode) => {
    for (const math of ['torch', 'hip'] as const) await expectReference(backend, 'mxfp4_quant', { mode, math }, { x });
  });

  it.each(MX_SCALE_MODES)('mxfp8_quant %s', async (mode) => {
    for (const format of ['e4m3fn', 'e4m3fnuz'] as const) {
      for (const math of ['torch', 'hip'] as const)
        await expectReference(backend, 'mxfp8_quant', { format, mode, math }, { x });
    }
  });

  it('dynamic_mxfp4_quant', async () => {
    await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x });
  });
});

describe('dynamic_mxfp4_quant', () => {
  it.each([2, 34, 62])('cuts off the last block of %i columns', async (columns) => {
    await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x: hardMatrix('bf16', 7, columns, { group: 32 }) });
  });
});

describe('mx_scale', () => {
  // Both sides of every sixteenth of every exponent, infinities and NaNs of both signs.
  const bits = Uint32Array.from({ length: 256 * 64 + 3 }, (_, index) => {
    const [exponent, step] = [Math.floor(index / 64) & 255, index & 63];
    return ((exponent << 23) | ((step >> 2) << 19) | [0, 1, 0x3ffff, 0x40000][step & 3]! | ((index & 1) << 31)) >>> 0;
  });
  const x = floatTensor('x', 'f32', [bits.length], new Float32Array(bits.buffer));

  it.each(MX_ELEMENTS.flatMap((element) => MX_SCALE_MODES.map((mode) => [element, mode] as const)))(
    '%s %s',
    async (element, mode) => {
      await expectReference(backend, 'mx_scale', { element, mode }, { x });
    },
  );

  it.each(['bf16', 'f16'] as const)('every %s code', async (type) => {
    const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
    const all = tensorFrom('x', type, [codes.length], codes);
    await expectReference(backend, 'mx_scale', { element: 'e2m1', mode: 'RoundUp' }, { x: all });
  });
});
