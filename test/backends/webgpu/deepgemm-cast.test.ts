import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { scaleTmaAligned } from '../../../src/layout/activation-scale.ts';
import { ops } from '../../../src/ops/registry.ts';
import { materialize } from '../../../src/tensor/make.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES, uniform } from './quant-inputs.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

/** K that is a whole number of groups, one short, and no whole number of words. */
const COLUMNS = [128, 300, 513, 1024];

describe.each(SOURCE_TYPES)('from %s', (type) => {
  it.each(COLUMNS)('activations of %i columns', async (columns) => {
    const x = hardMatrix(type, 13, columns, { group: 64 });
    for (const ue8m0 of [false, true]) await expectReference(backend, 'deepgemm_per_token_cast', { ue8m0 }, { x });
    await expectReference(backend, 'deepgemm_per_token_cast_packed', {}, { x });
  });

  it.each([
    [1, 1],
    [4, 300],
    [130, 129],
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

describe('pack_ue8m0_to_int', () => {
  const random = uniform(9);

  it.each([1, 3, 4, 12, 13])('packs rows of %i scales', async (groups) => {
    const values = Float32Array.from({ length: 37 * groups }, () => 2 ** Math.floor(random() * 250 - 125));
    await expectReference(backend, 'pack_ue8m0_to_int', {}, { x: floatTensor('x', 'f32', [37, groups], values) });
  });

  it('refuses a scale that packing would cut, as the reference does', async () => {
    const values = new Float32Array(37 * 6).fill(0.5);
    values[100] = 0.01;
    const operands = { x: floatTensor('x', 'f32', [37, 6], values) };
    let message = '';
    try {
      ops.pack_ue8m0_to_int.reference({}, operands);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain('0.00999');
    await expect(backend.run('pack_ue8m0_to_int', {}, operands)).rejects.toThrow(message);
  });
});
