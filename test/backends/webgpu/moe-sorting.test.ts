import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { type MoeSortingParams, moeSorting } from '../../../src/ops/moe-sorting.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from './gemm-support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

type Operands = { topk_ids: Tensor; topk_weights: Tensor };

function routes(tokens: number, topk: number, idOf: (noise: number) => number): Operands {
  const next = noise(tokens * 131 + topk);
  const count = tokens * topk;
  return {
    topk_ids: tensorFrom(
      'topk_ids',
      'i32',
      [tokens, topk],
      Int32Array.from({ length: count }, () => idOf(next())),
    ),
    topk_weights: tensorFrom(
      'topk_weights',
      'f32',
      [tokens, topk],
      Float32Array.from({ length: count }, () => next() / 2 ** 32),
    ),
  };
}

async function expectSame(params: MoeSortingParams, operands: Operands, on: Backend = backend): Promise<void> {
  const want = moeSorting.reference(params, operands);
  const have = await on.run('moe_sorting', params, operands);
  for (const name of moeSorting.outputs) expect(have[name].bytes, name).toEqual(want[name].bytes);
}

describe('moe_sorting', () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'moe.safetensors', ['moe_sorting']);
  });

  it.each([
    [1, 1, 1, 1],
    [1, 4, 32, 16],
    [5, 2, 4, 4],
    [33, 4, 8, 1],
    [64, 4, 128, 32],
    [257, 6, 300, 8],
    [3000, 4, 32, 64],
    [300, 16, 512, 16],
    [20, 3, 1500, 4],
  ])('sorts %i tokens with %i slots over %i experts in blocks of %i', async (tokens, topk, experts, block_m) => {
    await expectSame(
      { experts, block_m },
      routes(tokens, topk, (value) => value % experts),
    );
  });

  it('drops ids that are no expert', async () => {
    const ids = [-1, 5, 2, 0x7fffffff, -0x80000000, 0, 4, 2];
    await expectSame(
      { experts: 5, block_m: 4 },
      routes(70, 3, (value) => ids[value % ids.length] as number),
    );
    await expectSame(
      { experts: 5, block_m: 4 },
      routes(7, 3, () => -1),
    );
  });

  it('leaves most experts empty, or gives everything to one', async () => {
    await expectSame(
      { experts: 64, block_m: 8 },
      routes(40, 2, (value) => (value % 2) * 63),
    );
    await expectSame(
      { experts: 9, block_m: 8 },
      routes(600, 2, () => 7),
    );
  });

  it('counts local experts only, and the first tokens only', async () => {
    const mask = Array.from({ length: 12 }, (_, expert) => (expert % 3 === 1 ? 0 : 1));
    const operands = routes(100, 4, (value) => value % 12);
    await expectSame({ experts: 12, block_m: 8, expert_mask: mask }, operands);
    await expectSame({ experts: 12, block_m: 8, expert_mask: mask.map(() => 0) }, operands);
    await expectSame({ experts: 12, block_m: 8, expert_mask: mask, num_local_tokens: 37 }, operands);
    await expectSame({ experts: 12, block_m: 8, num_local_tokens: 0 }, operands);
  });

  it('folds its grid, and refuses what does not fit a binding', async () => {
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 8192, maxComputeWorkgroupsPerDimension: 2 },
    });
    try {
      await expectSame(
        { experts: 8, block_m: 16 },
        routes(400, 4, (value) => value % 8),
        small,
      );
      await expect(
        small.run(
          'moe_sorting',
          { experts: 8, block_m: 16 },
          routes(600, 4, (value) => value % 8),
        ),
      ).rejects.toThrow(/one binding of this device takes 8192 bytes. Sort fewer tokens at a time/);
    } finally {
      await small.dispose();
    }
  });
});
