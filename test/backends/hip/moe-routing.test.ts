// Routing kernels through the CPU runtime of the tests, against the CPU reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { type MoeSortingParams, moeSorting } from '../../../src/ops/moe-sorting.ts';
import { type SwigluParams, swiglu } from '../../../src/ops/swiglu.ts';
import { type TopkSoftmaxParams, topkSoftmax } from '../../../src/ops/topk-softmax.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise, outside, valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from '../webgpu/gemm-support.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());

function routes(
  tokens: number,
  topk: number,
  idOf: (noise: number) => number,
): { topk_ids: Tensor; topk_weights: Tensor } {
  const next = noise(tokens * 131 + topk);
  const count = tokens * topk;
  const ids = Int32Array.from({ length: count }, () => idOf(next()));
  const weights = Float32Array.from({ length: count }, () => next() / 2 ** 32);
  return {
    topk_ids: tensorFrom('topk_ids', 'i32', [tokens, topk], ids),
    topk_weights: tensorFrom('topk_weights', 'f32', [tokens, topk], weights),
  };
}

describe.skipIf(skipWithoutCpuRuntime)('moe_sorting on HIP', () => {
  async function expectSame(params: MoeSortingParams, operands: ReturnType<typeof routes>): Promise<void> {
    const want = moeSorting.reference(params, operands);
    const have = await backend.run('moe_sorting', params, operands);
    for (const name of moeSorting.outputs) expect(have[name].bytes, name).toEqual(want[name].bytes);
  }

  it('passes the golden cases', () => expectGolden(backend, 'moe.safetensors', ['moe_sorting']));

  it.each([
    [1, 1, 1, 1],
    [1, 4, 32, 16],
    [5, 2, 4, 4],
    [33, 4, 8, 1],
    [257, 6, 300, 8],
    [512, 4, 128, 32],
    [700, 4, 4096, 16],
    [3000, 4, 32, 64],
    [300, 16, 512, 16],
    [20, 3, 1500, 4],
    [0, 2, 5, 4],
  ])('sorts %i tokens with %i slots over %i experts in blocks of %i', async (tokens, topk, experts, block_m) => {
    await expectSame(
      { experts, block_m },
      routes(tokens, topk, (value) => value % experts),
    );
  });

  it.each([40, 900])(
    'drops ids that are no expert, counts local experts and the first of %i tokens',
    async (tokens) => {
      const ids = [-1, 5, 2, 0x7fffffff, -0x80000000, 0, 4, 2];
      const odd = routes(tokens, 3, (value) => ids[value % ids.length] as number);
      await expectSame({ experts: 5, block_m: 4 }, odd);
      await expectSame(
        { experts: 5, block_m: 4 },
        routes(tokens, 3, () => -1),
      );
      await expectSame(
        { experts: 64, block_m: 8 },
        routes(tokens, 2, (value) => (value % 2) * 63),
      );
      await expectSame(
        { experts: 9, block_m: 8 },
        routes(tokens, 2, () => 7),
      );
      const mask = Array.from({ length: 70 }, (_, expert) => (expert % 3 === 1 ? 0 : 1));
      const operands = routes(tokens, 4, (value) => value % 70);
      await expectSame({ experts: 70, block_m: 8, expert_mask: mask }, operands);
      await expectSame({ experts: 70, block_m: 8, expert_mask: mask.map(() => 0) }, operands);
      await expectSame({ experts: 70, block_m: 8, expert_mask: mask, num_local_tokens: 37 }, operands);
      await expectSame({ experts: 70, block_m: 8, num_local_tokens: 0 }, operands);
    },
  );

  it('refuses more experts than it counts', () => {
    const operands = routes(2, 1, () => 0);
    const support = backend.supports('moe_sorting', { experts: 4097, block_m: 4 }, operands);
    expect(support).toEqual({
      supported: false,
      reason: 'the kernel counts up to 4096 experts, not 4097: use the cpu backend.',
    });
  });
});

describe.skipIf(skipWithoutCpuRuntime)('topk_softmax on HIP', () => {
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

  async function expectRouted(params: TopkSoftmaxParams, operand: Tensor): Promise<void> {
    const operands = { logits: operand };
    const have = await backend.run('topk_softmax', params, operands);
    expect(have.ids.bytes).toEqual(topkSoftmax.reference(params, operands).ids.bytes);
    expect(outside(valuesOf(have.weights), 'f32', topkSoftmax.bound?.(params, operands).weights)).toBe(0);
  }

  it.each([
    [1, 32, 4],
    [5, 128, 4],
    [3, 513, 16],
    [7, 3, 3],
    [2, 1, 1],
    [33, 257, 8],
  ])('routes %i tokens over %i experts to %i', async (tokens, experts, topk) => {
    const next = noise(tokens * experts);
    const values = Array.from({ length: tokens * experts }, () => (next() / 2 ** 32 - 0.5) * 30);
    for (const variant of VARIANTS)
      for (const type of ['f32', 'bf16', 'f16'] as const)
        await expectRouted({ ...variant, topk }, logits(type, [tokens, experts], values));
  });

  it('gives equal logits to the lowest experts, zeros of both signs alike', async () => {
    const values = Array.from({ length: 210 }, (_, i) => (i < 70 ? 1 : i % 3 === 0 ? -0 : 0));
    for (const variant of VARIANTS) await expectRouted({ ...variant, topk: 9 }, logits('bf16', [3, 70], values));
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
});

describe.skipIf(skipWithoutCpuRuntime)('swiglu on HIP', () => {
  async function expectWithin(params: SwigluParams, glu: Float32Array, linear: Float32Array): Promise<void> {
    const operands = {
      glu: tensorFrom('glu', 'f32', [glu.length], glu),
      linear: tensorFrom('linear', 'f32', [linear.length], linear),
    };
    const { y } = await backend.run('swiglu', params, operands);
    expect(outside(valuesOf(y), 'f32', swiglu.bound?.(params, operands).y)).toBe(0);
  }

  it('passes the golden cases', () => expectGolden(backend, 'moe.safetensors', ['swiglu']));

  it.each([
    [{}, 40],
    [{ alpha: 1, limit: 1 }, 8],
    [{ alpha: -0.75, limit: 20 }, 300],
    [{ alpha: 0, limit: 3 }, 10],
    [{ limit: Number.POSITIVE_INFINITY }, 400],
  ] as const)('stays within the bound with %o over a range of %d', async (params, range) => {
    for (const count of [1, 7, 1000, 1026]) {
      const next = noise(count + range);
      const values = (): Float32Array =>
        Float32Array.from({ length: count }, () => Math.fround((next() / 2 ** 32 - 0.5) * range));
      await expectWithin(params, values(), values());
    }
  });

  it('has NaN, infinities and far gates as the reference has them', async () => {
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    const special = [nan, inf, -inf, 0, -0, 1, -1, 1e38, -1e38, 1e-40, -1e-40, 100, -100, 500, -500];
    const glu = Float32Array.from(special.flatMap((gate) => special.map(() => gate)));
    const linear = Float32Array.from(special.flatMap(() => special));
    for (const params of [{}, { alpha: 1, limit: 3 }, { alpha: -2 }, { limit: inf }, { alpha: 0 }])
      await expectWithin(params, glu, linear);
  });
});
