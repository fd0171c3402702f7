import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { type TopkSoftmaxParams, topkSoftmax } from '../../../src/ops/topk-softmax.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise, outside, valuesOf } from '../../ops/gemm-moe-support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

const VARIANTS: readonly Omit<TopkSoftmaxParams, 'topk'>[] = [
  {},
  { renormalize: false },
  { order: 'topk-softmax' },
  { order: 'topk-softmax', renormalize: false },
];

function logits(type: 'f32' | 'bf16' | 'f16', shape: readonly [number, number], values: readonly number[]): Tensor {
  const floats = Float32Array.from(values);
  return tensorFrom('logits', type, shape, type === 'f32' ? floats : encodeArray(type, floats));
}

function random(count: number, range: number): readonly number[] {
  const next = noise(count);
  return Array.from({ length: count }, () => (next() / 2 ** 32 - 0.5) * range);
}

async function expectRouted(params: TopkSoftmaxParams, operand: Tensor, on: Backend = backend): Promise<void> {
  const operands = { logits: operand };
  const have = await on.run('topk_softmax', params, operands);
  expect(have.ids.bytes).toEqual(topkSoftmax.reference(params, operands).ids.bytes);
  expect(outside(valuesOf(have.weights), 'f32', topkSoftmax.bound?.(params, operands).weights)).toBe(0);
}

describe('topk_softmax', () => {
  it.each([
    [1, 32, 4],
    [5, 128, 4],
    [3, 513, 16],
    [7, 3, 3],
    [2, 1, 1],
  ])('routes %i tokens over %i experts to %i', async (tokens, experts, topk) => {
    for (const variant of VARIANTS) {
      for (const type of ['f32', 'bf16', 'f16'] as const) {
        const operand = logits(type, [tokens, experts], random(tokens * experts, 30));
        await expectRouted({ ...variant, topk }, operand);
      }
    }
  });

  it('gives equal logits to the lowest experts, zeros of both signs alike', async () => {
    const operand = logits(
      'bf16',
      [3, 70],
      Array.from({ length: 210 }, (_, i) => (i < 70 ? 1 : i % 3 === 0 ? -0 : 0)),
    );
    for (const variant of VARIANTS) await expectRouted({ ...variant, topk: 9 }, operand);
  });

  it('has far logits, infinities and NaN as the reference has them', async () => {
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    const rows = [
      [3e38, -3e38, 3e38, 1],
      [-inf, 4, -inf, -inf],
      [-inf, -inf, -inf, -inf],
      [1, inf, 2, inf],
      [nan, 1, 2, 3],
      [1, nan, inf, nan],
      [100, -90, -10, 0],
    ];
    for (const variant of VARIANTS) await expectRouted({ ...variant, topk: 3 }, logits('f32', [7, 4], rows.flat()));
  });

  it('works in parts on a small device', async () => {
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 4 },
    });
    try {
      await expectRouted({ topk: 3 }, logits('bf16', [37, 33], random(37 * 33, 10)), small);
      await expect(
        small.run('topk_softmax', { topk: 1 }, { logits: logits('f32', [1, 300], random(300, 1)) }),
      ).rejects.toThrow('do not fit one binding of this device');
    } finally {
      await small.dispose();
    }
  });
});
