// Both multiplications of a mixture of experts through the CPU runtime of the tests, against the bounds of the CPU reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { MOE_ACTIVATIONS, MOE_SCHEMES } from '../../../src/ops/shared/moe-params.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from '../webgpu/gemm-support.ts';
import {
  expectBound,
  FAMILIES,
  type MoeSizes,
  stage1Operands,
  stage2Operands,
  storedAs,
  without,
} from '../webgpu/moe-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());

/** Blocks of 16, 32 and 64 rows; K of half a tile, one, and more than one with a rest. */
const ONE: MoeSizes = { tokens: 1, topk: 3, experts: 5, hidden: 128, inter: 64 };
const FEW: MoeSizes = { tokens: 7, topk: 3, experts: 8, hidden: 384, inter: 64 };
const SOME: MoeSizes = { tokens: 33, topk: 2, experts: 3, hidden: 256, inter: 160 };
const MANY: MoeSizes = { tokens: 90, topk: 2, experts: 3, hidden: 640, inter: 288 };

const nanRows = (output: Tensor | undefined, rows: number): number[] => {
  const values = valuesOf(output as Tensor);
  const width = values.length / rows;
  const row = (index: number): Float32Array => values.subarray(index * width, (index + 1) * width);
  return Array.from({ length: rows }, (_, index) => row(index).filter(Number.isNaN).length);
};

describe.skipIf(skipWithoutCpuRuntime)('moe_stage1_mxfp4 on HIP', () => {
  it.each(FAMILIES)('reads %s weights in every scheme', async (family) => {
    for (const scheme of MOE_SCHEMES) {
      for (const sizes of [ONE, FEW, SOME]) {
        const operands = storedAs(stage1Operands(sizes, scheme), 'w13', family);
        await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'swiglu' }, operands);
      }
    }
  });

  it.each(MOE_SCHEMES)('multiplies many rows with %s', async (scheme) => {
    for (const family of ['shuffled-separated', 'shuffled-guinterleave'] as const) {
      const operands = storedAs(stage1Operands(MANY, scheme), 'w13', family);
      await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands);
    }
  });

  it('has odd sizes, every activation, limits, and does without bias', async () => {
    for (const sizes of [
      { tokens: 5, topk: 4, experts: 4, hidden: 64, inter: 32 },
      { tokens: 17, topk: 3, experts: 3, hidden: 96, inter: 96 },
      { tokens: 200, topk: 1, experts: 2, hidden: 32, inter: 32 },
    ]) {
      for (const scheme of MOE_SCHEMES) {
        const operands = stage1Operands(sizes, scheme);
        for (const activation of MOE_ACTIVATIONS) {
          await expectBound(backend, 'moe_stage1_mxfp4', { activation, scheme }, operands);
          await expectBound(backend, 'moe_stage1_mxfp4', { activation, scheme }, without(operands, 'w13_bias'));
        }
        await expectBound(backend, 'moe_stage1_mxfp4', { activation: 'silu', swiglu_limit: 0.5, scheme }, operands);
        await expectBound(backend, 'moe_stage1_mxfp4', { activation: 'swiglu', swiglu_limit: 2, scheme }, operands);
      }
    }
  });

  it.each(MOE_SCHEMES)('confines NaN to where it belongs with %s', async (scheme) => {
    for (const sizes of [FEW, { ...SOME, tokens: 70 }]) {
      const operands = stage1Operands(sizes, scheme);
      const { tokens, topk, experts, hidden, inter } = sizes;
      // An up row of expert 2, in its last block.
      (operands['w13_scale'] as Tensor).bytes[(2 * 2 * inter + inter + 7) * (hidden / 32) + hidden / 32 - 1] = 255;
      const { h } = await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands);
      const ids = new Int32Array((operands['topk_ids'] as Tensor).bytes.slice().buffer);
      expect(nanRows(h, tokens * topk)).toEqual(Array.from(ids, (expert) => (expert === 2 ? 1 : 0)));
      if (scheme === 'a16w4') (operands['x'] as Tensor).bytes.set([0xc0, 0x7f], 3 * hidden * 2 + 10);
      else (operands['x_scale'] as Tensor).bytes[3 * (hidden / 32) + 1] = 255;
      if (scheme === 'a8w4') (operands['x'] as Tensor).bytes[2 * hidden + 70] = 0xff;
      const poisoned = (await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands))['h'];
      const expected = Array.from(ids, (expert, route) => {
        if (expert < 0 || expert >= experts) return 0;
        const token = Math.floor(route / topk);
        if (token === 3 || (token === 2 && scheme === 'a8w4')) return inter;
        return expert === 2 ? 1 : 0;
      });
      expect(nanRows(poisoned, tokens * topk)).toEqual(expected);
    }
  });
});

describe.skipIf(skipWithoutCpuRuntime)('moe_stage2_mxfp4 on HIP', () => {
  it.each(['separated', 'shuffled-separated'] as const)('reads %s weights in every scheme', async (family) => {
    for (const scheme of MOE_SCHEMES) {
      for (const sizes of [ONE, { ...FEW, hidden: 96, inter: 384 }, { ...SOME, inter: 256 }, { ...MANY, inter: 320 }]) {
        const operands = storedAs(stage2Operands(sizes, scheme), 'w2', family);
        await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, operands);
      }
    }
  });

  it('has odd sizes, and does without bias', async () => {
    for (const sizes of [
      { tokens: 5, topk: 4, experts: 4, hidden: 96, inter: 32 },
      { tokens: 17, topk: 3, experts: 3, hidden: 32, inter: 96 },
      { tokens: 257, topk: 1, experts: 2, hidden: 32, inter: 32 },
    ]) {
      for (const scheme of MOE_SCHEMES) {
        const operands = stage2Operands(sizes, scheme);
        await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, operands);
        await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, without(operands, 'w2_bias'));
      }
    }
  });

  it('reads scale byte 255 as NaN, for its column only', async () => {
    for (const scheme of MOE_SCHEMES) {
      const operands = stage2Operands(FEW, scheme);
      (operands['w2_scale'] as Tensor).bytes[(3 * FEW.hidden + 101) * (FEW.inter / 32)] = 255;
      const { y } = await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, operands);
      const ids = new Int32Array((operands['topk_ids'] as Tensor).bytes.slice().buffer);
      const expected = Array.from({ length: FEW.tokens }, (_, token) =>
        ids.subarray(token * FEW.topk, (token + 1) * FEW.topk).includes(3) ? 1 : 0,
      );
      expect(nanRows(y, FEW.tokens)).toEqual(expected);
    }
  });

  it('applies scales whose factors are subnormal', async () => {
    const sizes = { tokens: 1, topk: 1, experts: 1, hidden: 256, inter: 64 };
    for (const tokens of [1, 40, 70]) {
      for (const scheme of MOE_SCHEMES) {
        const operands = without(stage2Operands({ ...sizes, tokens }, scheme), 'w2_bias');
        // Ones throughout, and a scale of its own for every column.
        const { h, h_scale, w2, w2_scale, topk_weights } = operands as Record<string, Tensor>;
        if (scheme === 'a16w4') new Uint16Array((h as Tensor).bytes.buffer).fill(0x3f80);
        else h?.bytes.fill(scheme === 'a8w4' ? 0x38 : 0x22);
        h_scale?.bytes.fill(127);
        w2?.bytes.fill(0x22);
        for (let row = 0; row < 256; row += 1) w2_scale?.bytes.fill(row, row * 2, row * 2 + 2);
        new Float32Array((topk_weights as Tensor).bytes.buffer).fill(1);
        const { y } = (await backend.run('moe_stage2_mxfp4', { scheme }, operands as never)) as { y: Tensor };
        const expected = Array.from({ length: 256 }, (_, row) => Math.fround(64 * 2 ** (row - 127)));
        expected[255] = Number.NaN;
        expect(Array.from(valuesOf(y).subarray((tokens - 1) * 256))).toEqual(expected);
      }
    }
  });
});

/** The runtime reads its settings from the environment when a kernel is launched. */
async function withSettings(dma: string, order: string, action: () => Promise<void>): Promise<void> {
  const settings = { PRESHUFFLE_HIP_CPU_DMA: dma, PRESHUFFLE_HIP_CPU_ORDER: order };
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  try {
    await action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe.skipIf(skipWithoutCpuRuntime)('both stages on HIP', () => {
  const stages = [
    ['moe_stage1_mxfp4', { activation: 'silu', scheme: 'a4w4' }, stage1Operands],
    ['moe_stage2_mxfp4', { scheme: 'a4w4' }, stage2Operands],
  ] as const;

  it('pass the golden cases', () =>
    expectGolden(backend, 'moe-path.safetensors', ['moe_stage1_mxfp4', 'moe_stage2_mxfp4', 'topk_softmax']));

  it.each(['forward', 'reverse', 'random:7'])('wait for their copies when waves run in the order %s', async (order) => {
    for (const scheme of MOE_SCHEMES) {
      for (const sizes of [FEW, { ...SOME, hidden: 640 }, { ...MANY, inter: 320 }]) {
        await withSettings('lazy', order, async () => {
          await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'gelu' }, stage1Operands(sizes, scheme));
          await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, stage2Operands(sizes, scheme));
        });
      }
    }
  });

  it('give the same bytes again, and nothing for no tokens', async () => {
    for (const [op, params, make] of stages) {
      const operands = make(SOME, 'a4w4') as never;
      const first = await backend.run(op, params as never, operands);
      expect(await backend.run(op, params as never, operands)).toEqual(first);
      const none = make({ ...SOME, tokens: 0 }, 'a4w4') as never;
      const empty = (await backend.run(op, params as never, none)) as Readonly<Record<string, Tensor>>;
      expect(Object.values(empty).map(({ bytes }) => bytes.length)).toEqual([0]);
    }
  });

  it('give zero for routes that go nowhere', async () => {
    for (const [op, params, make] of stages) {
      const operands = make(FEW, 'a4w4');
      const nowhere = {
        ...operands,
        topk_ids: { ...operands['topk_ids'], bytes: new Uint8Array(7 * 3 * 4).fill(255) },
      };
      const outputs = (await backend.run(op, params as never, nowhere as never)) as Readonly<Record<string, Tensor>>;
      for (const { bytes } of Object.values(outputs)) expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
  });
});
