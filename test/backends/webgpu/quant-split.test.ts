import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES, uniform } from './quant-inputs.ts';

/** Small enough that every tensor below is cut into many bindings and every grid is folded. */
const LIMITS = { maxStorageBufferBindingSize: 1 << 13, maxComputeWorkgroupsPerDimension: 3 };

let backend: Backend;
let whole: Backend;
beforeAll(async () => {
  backend = await openWebGpu({ limits: LIMITS });
  whole = await openWebGpu();
});
afterAll(async () => {
  await backend.dispose();
  await whole.dispose();
});

describe.each(SOURCE_TYPES)('a device with 8 KiB bindings, %s', (type) => {
  it('quantises rows and groups', async () => {
    const x = hardMatrix(type, 61, 384, { group: 128 });
    await expectReference(backend, 'per_1x128_quant', { math: 'hip', scaleStore: 'transposed-view' }, { x });
    await expectReference(backend, 'per_token_quant', {}, { x });
    await expectReference(backend, 'mxfp4_quant', {}, { x });
    await expectReference(backend, 'mxfp8_quant', { mode: 'Even' }, { x });
  });

  it('quantises rows that end within a word', async () => {
    const x = hardMatrix(type, 53, 301, { group: 64 });
    await expectReference(backend, 'per_token_quant', {}, { x });
    await expectReference(backend, 'deepgemm_per_token_cast', { ue8m0: true }, { x });
    await expectReference(backend, 'deepgemm_per_token_cast_packed', {}, { x });
    await expectReference(backend, 'dynamic_mxfp4_quant', {}, { x: hardMatrix(type, 53, 302, { group: 32 }) });
  });

  it('finds the amax of a tensor over all its parts', async () => {
    for (const where of [0, 30_000, 45_000]) {
      const values = new Float32Array(150 * 301).fill(0.25);
      values[Math.min(where, values.length - 1)] = 100;
      await expectReference(backend, 'per_tensor_quant', {}, { x: floatTensor('x', type, [150, 301], values) });
    }
  });

  it('quantises 128 x 128 blocks', async () => {
    // 128 rows are the least that can be cut off: they must fit one binding.
    const columns = type === 'f32' ? 12 : 24;
    const x = hardMatrix(type, 700, columns, { group: 40, special: false });
    await expectReference(backend, 'deepgemm_per_block_cast', { ue8m0: false }, { x });
  });

  it('normalises rows', async () => {
    const random = uniform(2);
    const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random() - 0.5);
    const [x, r] = ['x', 'r'].map((name) => floatTensor(name, type, [13, 300], numbers(13 * 300)));
    const w = floatTensor('w', type, [300], numbers(300));
    const operands = { x: x as typeof w, w, r: r as typeof w };
    const split = await backend.run('fused_rms_fp8_group_quant', {}, operands);
    expect(split).toEqual(await whole.run('fused_rms_fp8_group_quant', {}, operands));
  });
});

it('converts long lists of scales', async () => {
  const random = uniform(4);
  const values = Float32Array.from({ length: 9999 }, () => 2 ** (random() * 200 - 100));
  const x = floatTensor('x', 'f32', [9999], values);
  await expectReference(backend, 'ceil_to_ue8m0', {}, { x });
  await expectReference(backend, 'mx_scale', { element: 'e2m1', mode: 'RoundUp' }, { x });
  const powers = floatTensor(
    'x',
    'f32',
    [909, 11],
    values.map((value) => 2 ** Math.floor(Math.log2(value))),
  );
  await expectReference(backend, 'pack_ue8m0_to_int', {}, { x: powers });
});

it('says what to do when a row is longer than a binding', async () => {
  const x = floatTensor('x', 'f32', [1, 4096], new Float32Array(4096));
  await expect(backend.run('per_token_quant', {}, { x })).rejects.toThrow(
    'buffer "x" of 16384 bytes: 1 rows of 16384 bytes do not fit one binding of this device (8192 bytes). ' +
      'Quantise fewer columns at a time, or use the cpu backend.',
  );
});
