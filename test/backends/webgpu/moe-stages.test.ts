import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { MOE_ACTIVATIONS, MOE_SCHEMES } from '../../../src/ops/shared/moe-params.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { valuesOf } from '../../ops/gemm-moe-support.ts';
import {
  expectBound,
  FAMILIES,
  type MoeSizes,
  type Operands,
  stage1Operands,
  stage2Operands,
  storedAs,
  without,
} from './moe-inputs.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

/** Rows an expert: one, then up to two, up to four, and tiles of 16, 32 and 64. */
const ONE: MoeSizes = { tokens: 1, topk: 3, experts: 5, hidden: 128, inter: 64 };
const TWO: MoeSizes = { tokens: 2, topk: 2, experts: 8, hidden: 128, inter: 64 };
const FEW: MoeSizes = { tokens: 5, topk: 3, experts: 8, hidden: 128, inter: 64 };
const MANY: MoeSizes = { tokens: 33, topk: 2, experts: 3, hidden: 128, inter: 64 };

const nanRows = (output: Tensor | undefined, rows: number): number[] => {
  const values = valuesOf(output as Tensor);
  const width = values.length / rows;
  return Array.from(
    { length: rows },
    (_, row) => values.subarray(row * width, (row + 1) * width).filter(Number.isNaN).length,
  );
};

describe('moe_stage1_mxfp4', () => {
  it.each(FAMILIES)('reads %s weights in every scheme', async (family) => {
    for (const scheme of MOE_SCHEMES) {
      const operands = storedAs(stage1Operands(ONE, scheme), 'w13', family);
      await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'swiglu' }, operands);
    }
    // Schemes and layouts do not meet in the shader: one of each family in tiles.
    const scheme = MOE_SCHEMES[FAMILIES.indexOf(family) % MOE_SCHEMES.length] ?? 'a16w4';
    const operands = storedAs(stage1Operands(MANY, scheme), 'w13', family);
    await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'swiglu' }, operands);
  });

  // The tests of NaN below run blocks of 4 and of 16 rows in every scheme.
  it.each([
    ['moe_rows of 2', TWO, ['a16w4']],
    ['moe_tiles of 32', { ...MANY, tokens: 50 }, ['a8w4']],
    ['moe_tiles of 64', { ...MANY, tokens: 90 }, ['a16w4', 'a4w4']],
  ] as const)('multiplies with %s', async (_name, sizes, schemes) => {
    for (const scheme of schemes) {
      const operands = storedAs(stage1Operands(sizes, scheme), 'w13', 'shuffled-guinterleave');
      await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands);
    }
  });

  it('has odd sizes, every activation, limits, and does without bias', async () => {
    for (const sizes of [
      { tokens: 5, topk: 4, experts: 4, hidden: 64, inter: 32 },
      { tokens: 17, topk: 3, experts: 3, hidden: 96, inter: 96 },
    ]) {
      const operands = stage1Operands(sizes, 'a16w4');
      for (const activation of MOE_ACTIVATIONS) {
        await expectBound(backend, 'moe_stage1_mxfp4', { activation }, operands);
        await expectBound(backend, 'moe_stage1_mxfp4', { activation }, without(operands, 'w13_bias'));
      }
      await expectBound(backend, 'moe_stage1_mxfp4', { activation: 'silu', swiglu_limit: 0.5 }, operands);
      await expectBound(backend, 'moe_stage1_mxfp4', { activation: 'swiglu', swiglu_limit: 2 }, operands);
    }
  });

  it.each(['a16w4', 'a8w4', 'a4w4'] as const)('confines NaN to where it belongs with %s', async (scheme) => {
    for (const sizes of [FEW, { ...MANY, tokens: 17 }]) {
      const operands = stage1Operands(sizes, scheme);
      const { tokens, topk, experts, hidden, inter } = sizes;
      // An up row of expert 2, in its last block.
      (operands.w13_scale as Tensor).bytes[(2 * 2 * inter + inter + 7) * (hidden / 32) + hidden / 32 - 1] = 255;
      const { h } = await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands);
      const ids = new Int32Array((operands.topk_ids as Tensor).bytes.slice().buffer);
      expect(nanRows(h, tokens * topk)).toEqual(Array.from(ids, (expert) => (expert === 2 ? 1 : 0)));
      if (scheme === 'a16w4') (operands.x as Tensor).bytes.set([0xc0, 0x7f], 3 * hidden * 2 + 10);
      else (operands.x_scale as Tensor).bytes[3 * (hidden / 32) + 1] = 255;
      if (scheme === 'a8w4') (operands.x as Tensor).bytes[2 * hidden + 70] = 0xff;
      const poisoned = (await expectBound(backend, 'moe_stage1_mxfp4', { scheme, activation: 'silu' }, operands)).h;
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

describe('moe_stage2_mxfp4', () => {
  it.each([
    ['separated', 'a8w4'],
    ['shuffled-separated', 'a16w4'],
  ] as const)('reads %s weights in every scheme', async (family, scheme) => {
    for (const each of MOE_SCHEMES) {
      const operands = storedAs(stage2Operands(ONE, each), 'w2', family);
      await expectBound(backend, 'moe_stage2_mxfp4', { scheme: each }, operands);
    }
    for (const sizes of [FEW, MANY]) {
      const operands = storedAs(stage2Operands(sizes, scheme), 'w2', family);
      await expectBound(backend, 'moe_stage2_mxfp4', { scheme }, operands);
    }
  });

  it('has odd sizes, and does without bias', async () => {
    for (const sizes of [
      { tokens: 5, topk: 4, experts: 4, hidden: 96, inter: 32 },
      { tokens: 17, topk: 3, experts: 3, hidden: 32, inter: 96 },
    ]) {
      const operands = stage2Operands(sizes, 'a16w4');
      await expectBound(backend, 'moe_stage2_mxfp4', {}, operands);
      await expectBound(backend, 'moe_stage2_mxfp4', {}, without(operands, 'w2_bias'));
    }
  });

  it('reads scale byte 255 as NaN, for its column only', async () => {
    const operands = stage2Operands(FEW, 'a4w4');
    (operands.w2_scale as Tensor).bytes[(3 * FEW.hidden + 101) * (FEW.inter / 32)] = 255;
    const { y } = await expectBound(backend, 'moe_stage2_mxfp4', { scheme: 'a4w4' }, operands);
    const ids = new Int32Array((operands.topk_ids as Tensor).bytes.slice().buffer);
    const expected = Array.from({ length: FEW.tokens }, (_, token) =>
      ids.subarray(token * FEW.topk, (token + 1) * FEW.topk).includes(3) ? 1 : 0,
    );
    expect(nanRows(y, FEW.tokens)).toEqual(expected);
  });

  it('applies scales whose factors are subnormal, and those that leave the range', async () => {
    const sizes = { tokens: 1, topk: 1, experts: 1, hidden: 256, inter: 64 };
    for (const tokens of [1, 40]) {
      for (const scheme of MOE_SCHEMES) {
        const operands = without(stage2Operands({ ...sizes, tokens }, scheme), 'w2_bias');
        // Ones throughout, and a scale of its own for every column.
        const { h, h_scale, w2, w2_scale, topk_weights } = operands as Record<string, Tensor>;
        if (scheme === 'a16w4') new Uint16Array(h!.bytes.buffer).fill(0x3f80);
        else h!.bytes.fill(scheme === 'a8w4' ? 0x38 : 0x22);
        h_scale?.bytes.fill(127);
        w2!.bytes.fill(0x22);
        for (let row = 0; row < 256; row += 1) w2_scale!.bytes.fill(row, row * 2, row * 2 + 2);
        new Float32Array(topk_weights!.bytes.buffer).fill(1);
        const { y } = (await backend.run('moe_stage2_mxfp4', { scheme }, operands as never)) as { y: Tensor };
        const expected = Array.from({ length: 256 }, (_, row) => Math.fround(64 * 2 ** (row - 127)));
        expected[255] = Number.NaN;
        expect(Array.from(valuesOf(y).subarray((tokens - 1) * 256))).toEqual(expected);
      }
    }
  });
});

describe('both stages', () => {
  const stages = [
    ['moe_stage1_mxfp4', { activation: 'silu', scheme: 'a8w4' }, 'w13', stage1Operands],
    ['moe_stage2_mxfp4', { scheme: 'a8w4' }, 'w2', stage2Operands],
  ] as const;

  it('give the same bytes in parts on a small device', async () => {
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 16_384, maxComputeWorkgroupsPerDimension: 5 },
    });
    try {
      for (const [op, params, name, make] of stages) {
        for (const [family, sizes] of [
          ['shuffled-separated', { ...MANY, tokens: 17, experts: 4 }],
          // Biases that begin where no binding may.
          ['separated', { tokens: 1, topk: 4, experts: 4, hidden: 96, inter: 96 }],
        ] as const) {
          const operands = storedAs(make(sizes, 'a8w4'), name, family) as never;
          expect(await small.run(op, params as never, operands)).toEqual(
            await backend.run(op, params as never, operands),
          );
        }
      }
    } finally {
      await small.dispose();
    }
  });

  it('refuse an expert that does not fit a binding', async () => {
    const small = await openWebGpu({ limits: { maxStorageBufferBindingSize: 6144 } });
    try {
      await expect(small.run('moe_stage1_mxfp4', stages[0][1], stage1Operands(ONE, 'a8w4') as never)).rejects.toThrow(
        /buffer "w13" of 40960 bytes: one of its 5 experts takes 8192 bytes, and one binding of this device 6144/,
      );
    } finally {
      await small.dispose();
    }
  });

  it('give zero where no route has an expert here, and nothing for no tokens', async () => {
    for (const [op, params, , make] of stages) {
      const operands: Operands = make(FEW, 'a8w4');
      new Int32Array((operands.topk_ids as Tensor).bytes.buffer).fill(-1);
      const out = (await backend.run(op, params as never, operands as never)) as Readonly<Record<string, Tensor>>;
      expect(Object.values(out)[0]?.bytes.every((byte) => byte === 0)).toBe(true);
      const none = (await backend.run(op, params as never, make({ ...FEW, tokens: 0 }, 'a8w4') as never)) as typeof out;
      expect(Object.values(none)[0]?.bytes.length).toBe(0);
    }
  });
});
