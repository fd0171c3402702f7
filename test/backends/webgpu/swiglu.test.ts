import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { type SwigluParams, swiglu } from '../../../src/ops/swiglu.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise, outside, valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from './gemm-support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

type Operands = { glu: Tensor; linear: Tensor };

const pairs = (glu: readonly number[], linear: readonly number[]): Operands => ({
  glu: tensorFrom('glu', 'f32', [glu.length], Float32Array.from(glu)),
  linear: tensorFrom('linear', 'f32', [linear.length], Float32Array.from(linear)),
});

function random(count: number, range: number): Operands {
  const next = noise(count + range);
  const values = (): number[] => Array.from({ length: count }, () => (next() / 2 ** 32 - 0.5) * range);
  return pairs(values(), values());
}

async function run(params: SwigluParams, operands: Operands): Promise<Float32Array> {
  return valuesOf((await backend.run('swiglu', params, operands)).y);
}

describe('swiglu', () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'moe.safetensors', ['swiglu']);
  });

  it.each([
    [{}, 40],
    [{ alpha: 1, limit: 1 }, 8],
    [{ alpha: -0.75, limit: 20 }, 300],
    [{ alpha: 0, limit: 3 }, 10],
    [{ limit: Number.POSITIVE_INFINITY }, 400],
  ] as const)('stays within the bound with %o over a range of %d', async (params, range) => {
    const operands = random(1000, range);
    expect(outside(await run(params, operands), 'f32', swiglu.bound?.(params, operands).y)).toBe(0);
  });

  it('has NaN, infinities and far gates as the reference has them', async () => {
    const special = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
      -0,
      1,
      -1,
      1e38,
      -1e38,
      -120,
      -70,
    ];
    const glu = special.flatMap((value) => special.map(() => value));
    const linear = special.flatMap(() => special);
    for (const params of [{}, { limit: Number.POSITIVE_INFINITY }, { alpha: -2 }] as const) {
      const operands = pairs(glu, linear);
      const have = await run(params, operands);
      expect(outside(have, 'f32', swiglu.bound?.(params, operands).y)).toBe(0);
      const want = valuesOf(swiglu.reference(params, operands).y);
      expect(Array.from(have, Number.isNaN)).toEqual(Array.from(want, Number.isNaN));
    }
  });

  it('gives the same bytes in parts on a small device', async () => {
    const operands = random(1500, 40);
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 2 },
    });
    try {
      expect((await small.run('swiglu', {}, operands)).y.bytes).toEqual(
        (await backend.run('swiglu', {}, operands)).y.bytes,
      );
    } finally {
      await small.dispose();
    }
  });
});
