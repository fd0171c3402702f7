import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { scaleTmaAligned } from '../../../src/layout/activation-scale.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { ops } from '../../../src/ops/registry.ts';
import { materialize, tensor } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES, uniform } from '../webgpu/quant-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

/** K that is a whole number of groups, one short, and no whole number of words. */
const COLUMNS = [128, 300, 304, 513, 1024];

/** Powers of two from the smallest to the largest. */
function powers(shape: readonly number[], seed: number): Tensor {
  const random = uniform(seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return floatTensor(
    'x',
    'f32',
    shape,
    Float32Array.from({ length }, () => 2 ** Math.floor(random() * 250 - 125)),
  );
}

describe.skipIf(skipWithoutCpuRuntime)('scales of powers of two on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  describe.each(SOURCE_TYPES)('from %s', (type) => {
    it.each(COLUMNS)('activations of %i columns', async (columns) => {
      for (const rows of [1, 13]) {
        const x = hardMatrix(type, rows, columns, { group: 64 });
        for (const ue8m0 of [false, true]) await expectReference(backend, 'deepgemm_per_token_cast', { ue8m0 }, { x });
        await expectReference(backend, 'deepgemm_per_token_cast_packed', {}, { x });
      }
    });

    it.each([
      [1, 1],
      [1, 8],
      [4, 300],
      [16, 128],
      [130, 129],
      [200, 264],
      [257, 300],
    ])('weights %i x %i', async (rows, columns) => {
      const x = hardMatrix(type, rows, columns, { group: 40, special: rows < 130 });
      for (const ue8m0 of [false, true]) await expectReference(backend, 'deepgemm_per_block_cast', { ue8m0 }, { x });
    });
  });

  describe('ceil_to_ue8m0', () => {
    const random = uniform(5);
    const bits = Uint32Array.from(
      { length: 5000 },
      (_, index) => (index < 512 ? (index << 23) | (index & 1) : random() * 2 ** 32) >>> 0,
    );

    it('raises every exponent, keeps 2^-126 to 2^127, and ignores the sign', async () => {
      const x = floatTensor('x', 'f32', [50, 100], new Float32Array(bits.buffer));
      await expectReference(backend, 'ceil_to_ue8m0', {}, { x });
    });

    it('keeps a layout with padding', async () => {
      const layout = scaleTmaAligned([5, 3]);
      const x = materialize({ name: 'x', type: 'f32', layout }, new Uint8Array(bits.buffer, 0, layout.storageSize * 4));
      await expectReference(backend, 'ceil_to_ue8m0', {}, { x });
    });
  });

  describe('packed scales', () => {
    it.each([1, 3, 4, 12, 13])('pack_ue8m0_to_int: rows of %i scales', async (groups) => {
      await expectReference(backend, 'pack_ue8m0_to_int', {}, { x: powers([37, groups], groups) });
    });

    it.each([
      { shape: [7, 5] },
      { shape: [16, 8] },
      { shape: [3, 33, 9] },
      { shape: [2, 3], mn: 200, granMn: 128 },
      { shape: [2, 4], mn: 256, granMn: 128 },
      { shape: [3, 2, 3], mn: 129, granMn: 128 },
    ] as const)('pack_ue8m0_mn_major and back: $shape, $mn rows', async ({ shape, ...params }) => {
      const x = powers(shape, 11);
      await expectReference(backend, 'pack_ue8m0_mn_major', params, { x });
      const { y } = ops.pack_ue8m0_mn_major.reference(params, { x });
      const groups = shape.at(-1) as number;
      for (const granMn of [1, 128]) await expectReference(backend, 'unpack_ue8m0_scale', { groups, granMn }, { x: y });
    });

    it('refuses a scale that packing would cut, as the reference does', async () => {
      const values = new Float32Array(37 * 6).fill(0.5);
      values[100] = 0.01;
      const operands = { x: floatTensor('x', 'f32', [37, 6], values) };
      for (const op of ['pack_ue8m0_to_int', 'pack_ue8m0_mn_major'] as const) {
        let message = '';
        try {
          ops[op].reference({}, operands);
        } catch (error) {
          message = (error as Error).message;
        }
        expect(message).toContain('0.00999');
        await expect(backend.run(op, {}, operands)).rejects.toThrow(message);
      }
    });
  });

  describe('requant_weight_ue8m0', () => {
    it.each([
      { shape: [1, 8] },
      { shape: [3, 5] },
      { shape: [130, 136] },
      { shape: [256, 300] },
      { shape: [3, 129, 264] },
      { shape: [2, 65, 131] },
    ] as const)('$shape', async ({ shape }) => {
      const random = uniform(31);
      const codes = Uint8Array.from({ length: shape.reduce<number>((a, b) => a * b, 1) }, () => {
        const code = Math.floor(random() * 256);
        return (code & 0x7f) === 0x7f ? 0x80 : code;
      });
      const [n, k] = shape.slice(-2) as [number, number];
      const scaleShape = [...shape.slice(0, -2), Math.ceil(n / 128), Math.ceil(k / 128)];
      const count = scaleShape.reduce((a, b) => a * b, 1);
      const scales = Float32Array.from({ length: count }, () => random() * 2 ** Math.floor(random() * 40 - 20));
      const w = tensor('w', 'e4m3fn', rowMajor(shape), codes);
      await expectReference(
        backend,
        'requant_weight_ue8m0',
        {},
        { w, scale: floatTensor('scale', 'f32', scaleShape, scales) },
      );
    });

    it('scales that make subnormals, infinities, and NaNs; weights that are NaN', async () => {
      const codes = Uint8Array.from({ length: 128 * 128 * 8 }, (_, i) => i);
      const scales = Float32Array.of(
        2 ** -140,
        2 ** -126,
        2 ** 120,
        3e38,
        Number.POSITIVE_INFINITY,
        Number.NaN,
        0,
        -1.5,
      );
      const w = tensor('w', 'e4m3fn', rowMajor([128, 1024]), codes);
      const scale = floatTensor('scale', 'f32', [1, 8], scales);
      await expectReference(backend, 'requant_weight_ue8m0', {}, { w, scale });
      const finite = tensor(
        'w',
        'e4m3fn',
        rowMajor([128, 1024]),
        codes.map((code) => ((code & 0x7f) === 0x7f ? 0 : code)),
      );
      await expectReference(backend, 'requant_weight_ue8m0', {}, { w: finite, scale });
    });
  });

  describe('normalize_e4m3fn_to_e4m3fnuz', () => {
    it.each([1, 15, 16, 17, 256, 1000])('%i codes', async (count) => {
      const codes = Uint8Array.from({ length: count }, (_, i) => (count === 1000 ? 0x80 ^ (i % 3) : i));
      const w = tensor('w', 'e4m3fn', rowMajor([count]), codes);
      const scales = Float32Array.of(
        1,
        2 ** -149,
        2 ** -126,
        3e38,
        -0.5,
        0,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        1e-40,
      );
      const scale = floatTensor('scale', 'f32', [3, 3], scales);
      await expectReference(backend, 'normalize_e4m3fn_to_e4m3fnuz', {}, { w, scale });
    });
  });
});
