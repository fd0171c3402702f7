// fused_moe_mxfp4 through the CPU runtime of the tests, against the bounds of the CPU reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { MOE_SCHEMES } from '../../../src/ops/shared/moe-params.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from '../webgpu/gemm-support.ts';
import {
  expectBound,
  FAMILIES,
  type Family,
  fusedOperands,
  type MoeSizes,
  type Operands,
  storedAs,
  without,
} from '../webgpu/moe-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

const OP = 'fused_moe_mxfp4';

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());

const FEW: MoeSizes = { tokens: 5, topk: 3, experts: 8, hidden: 128, inter: 64 };
const MANY: MoeSizes = { tokens: 33, topk: 2, experts: 3, hidden: 256, inter: 64 };

/** Down weights have no gate and up rows. */
function layer(sizes: MoeSizes, family: Family): Operands {
  const shuffled = family.startsWith('shuffled');
  return storedAs(storedAs(fusedOperands(sizes), 'w1', family), 'w2', shuffled ? 'shuffled-separated' : 'separated');
}

describe.skipIf(skipWithoutCpuRuntime)(`${OP} on HIP`, () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'moe.safetensors', [OP]);
    await expectGolden(backend, 'moe-path.safetensors', [OP]);
    await expectGolden(backend, 'moe-incidents.safetensors', [OP]);
  });

  it.each(FAMILIES)('runs from %s weights', async (family) => {
    for (const scheme of MOE_SCHEMES)
      await expectBound(backend, OP, { scheme, activation: 'swiglu' }, layer(FEW, family));
  });

  it('runs many tokens, every activation and quantisation mode', async () => {
    const operands = layer(MANY, 'shuffled-guinterleave');
    await expectBound(backend, OP, { activation: 'gelu' }, operands);
    await expectBound(backend, OP, { activation: 'silu', swiglu_limit: 1 }, without(operands, 'w1_bias', 'w2_bias'));
    for (const quantMode of ['RoundUp', 'RoundDown', 'Even', 'Ceil'] as const) {
      await expectBound(backend, OP, { scheme: 'a4w4', activation: 'silu', quantMode }, operands);
    }
    await expectBound(backend, OP, { scheme: 'a8w4', activation: 'silu', quantMode: 'RoundDown' }, operands);
  });

  it('passes NaN of either weight to the tokens that use the expert', async () => {
    for (const name of ['w1_scale', 'w2_scale']) {
      const operands = fusedOperands(FEW);
      const scale = operands[name] as Tensor;
      const [, rows = 0, groups = 0] = scale.layout.shape;
      scale.bytes[(2 * rows + 5) * groups] = 255;
      for (const scheme of MOE_SCHEMES) {
        const { y } = await expectBound(backend, OP, { scheme, activation: 'silu' }, operands);
        const values = valuesOf(y as Tensor);
        const ids = new Int32Array((operands['topk_ids'] as Tensor).bytes.slice().buffer);
        for (let token = 0; token < FEW.tokens; token += 1) {
          const uses = ids.subarray(token * FEW.topk, (token + 1) * FEW.topk).includes(2);
          const row = values.subarray(token * FEW.hidden, (token + 1) * FEW.hidden);
          // e2m1 has no NaN: quantising turns one into a number, as its scale says.
          if (name === 'w1_scale' && scheme === 'a4w4') continue;
          expect(row.some(Number.isNaN)).toBe(uses);
          if (name === 'w2_scale') expect(Array.from(row, Number.isNaN).filter(Boolean).length).toBe(uses ? 1 : 0);
        }
      }
    }
  });

  it('gives the same bytes again, and has nothing to do for no tokens', async () => {
    for (const scheme of MOE_SCHEMES) {
      const operands = layer(FEW, 'shuffled-separated') as never;
      const params = { scheme, activation: 'swiglu' } as const;
      expect(await backend.run(OP, params, operands)).toEqual(await backend.run(OP, params, operands));
      const none = fusedOperands({ ...FEW, tokens: 0 }) as never;
      expect((await backend.run(OP, { scheme, activation: 'silu' }, none)).y.bytes.length).toBe(0);
    }
  });
});
