import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openBackend } from '../../../backends/registry.ts';
import { layoutOf } from '../../../src/dispatch/layout-ref.ts';
import type { MoePlan } from '../../../src/dispatch/moe/plan.ts';
import { planMoe } from '../../../src/dispatch/moe/plan-moe.ts';
import { loadMoePlan, runMoePlan } from '../../../src/dispatch/moe/run-plan.ts';
import type { MoeSpec } from '../../../src/dispatch/moe/spec.ts';
import { decodeArray } from '../../../src/formats/decode.ts';
import { elementBits } from '../../../src/formats/element-type.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { permute } from '../../../src/layout/permute.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { ops } from '../../../src/ops/registry.ts';
import { asBytes, tensor } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU16 } from '../../../src/tensor/views.ts';
import { need, wave } from '../support.ts';

/** Three experts, H = 96 and I = 64, which pad to 256. */
const SMALL = {
  experts: 3,
  topk: 2,
  hidden: 96,
  inter: 64,
  m: 5,
  arch: 'gfx950',
  activation: 'Swiglu',
  swigluLimit: 7,
  bias: true,
  checkpoint: 'interleaved',
} as const satisfies MoeSpec;

const MANY = { env: { swigluBf16Bound: 1, bf16Fp8Bound: 1 } } as const;

const SPECS: Readonly<Record<string, { readonly spec: MoeSpec; readonly kernel: string; readonly scheme: string }>> = {
  'INTERLEAVE, few tokens': { spec: SMALL, kernel: 'cktile-fused', scheme: 'a16w4' },
  'INTERLEAVE, many tokens': { spec: { ...SMALL, ...MANY }, kernel: 'cktile-fused', scheme: 'a8w4' },
  'SEPARATED, few tokens': {
    spec: { ...SMALL, gateMode: 'SEPARATED' },
    kernel: 'cktile-split-k-standard',
    scheme: 'a16w4',
  },
  'SEPARATED, many tokens': { spec: { ...SMALL, ...MANY, gateMode: 'SEPARATED' }, kernel: 'flydsl', scheme: 'a4w4' },
  'one token': { spec: { ...SMALL, m: 1 }, kernel: 'cktile-fused', scheme: 'a16w4' },
  'a separated checkpoint': { spec: { ...SMALL, checkpoint: 'separated' }, kernel: 'cktile-fused', scheme: 'a16w4' },
  'Silu without biases': {
    spec: { ...SMALL, activation: 'Silu', swigluLimit: 0, bias: false, gateMode: 'SEPARATED', checkpoint: 'separated' },
    kernel: 'flydsl',
    scheme: 'a4w4',
  },
  'CK without the flag': {
    spec: { ...SMALL, activation: 'Silu', bias: false, gateMode: 'SEPARATED', isShuffled: false },
    kernel: 'ck2stages',
    scheme: 'a4w4',
  },
  'stored as L3, padded': {
    spec: { ...SMALL, weights: 'L3', gateMode: 'INTERLEAVE' },
    kernel: 'cktile-fused',
    scheme: 'a16w4',
  },
};

let cpu: Backend;
let webgpu: Backend;
beforeAll(async () => {
  [cpu, webgpu] = await Promise.all([openBackend('cpu'), openBackend('webgpu')]);
});
afterAll(() => Promise.all([cpu.dispose(), webgpu.dispose()]));

/** Values for every operand, row-major with separated rows. */
function plainOperands(plan: MoePlan): Readonly<Record<string, Tensor>> {
  const names = [...plan.operands.load, ...plan.operands.call];
  return Object.fromEntries(
    names.map((name, at) => {
      const wanted = plan.tensors[name];
      if (wanted === undefined) throw new Error(`no tensor ${name}`);
      const { type, scaling } = wanted;
      const { shape } = wanted.layout;
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, tensor(name, type, rowMajor(shape), valuesOf(name, type, count, at, plan.sizes.experts), scaling)];
    }),
  );
}

function valuesOf(name: string, type: string, count: number, at: number, experts: number): Uint8Array {
  if (name === 'topk_ids') return asBytes(Int32Array.from({ length: count }, (_, index) => (index * 2) % experts));
  if (name === 'topk_weights')
    return asBytes(Float32Array.from({ length: count }, (_, index) => 0.25 + (index % 3) / 8));
  if (type === 'e2m1')
    return Uint8Array.from({ length: count / 2 }, (_, index) => (index * 131 + (index >> 7) * 17 + 7) & 255);
  // Neighbouring scales differ, so that a misplaced one shows.
  if (type === 'e8m0') return Uint8Array.from({ length: count }, (_, index) => 119 + ((index * 5) % 7));
  if (type === 'f32') return asBytes(wave(count, 0.5, at));
  return asBytes(encodeArray('bf16', wave(count, 0.5, at)));
}

/** The same in the layouts that the plan asks for. */
function givenOperands(plan: MoePlan, plain: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    Object.entries(plain).map(([name, source]) => {
      const wanted = plan.tensors[name];
      if (wanted === undefined) throw new Error(`no tensor ${name}`);
      const layout = layoutOf(wanted.layout);
      const bytes = permute(source.bytes, source.layout, layout, elementBits(source.type));
      return [name, tensor(name, source.type, layout, bytes, source.scaling)];
    }),
  );
}

/** The op on plain, unpadded weights: what the plan must come to. */
function direct(plan: MoePlan, plain: Readonly<Record<string, Tensor>>): { readonly y: Tensor } {
  const { experts } = plan.sizes;
  const unflattened = (name: string): Tensor => {
    const source = need(plain, name);
    const { shape } = source.layout;
    if (shape.length === 3) return source;
    const [rows = 0, groups = 0] = shape;
    return tensor(name, source.type, rowMajor([experts, rows / experts, groups]), source.bytes, source.scaling);
  };
  const bias = (name: string): Tensor => {
    const source = need(plain, name);
    return source.type === 'f32' ? source : ops.decode.reference({}, { x: source }).y;
  };
  const x = need(plain, 'x');
  const [tokens = 0, width = 0] = x.layout.shape;
  const [, , hidden = 0] = need(plain, 'w13').layout.shape;
  const wide = new Uint8Array(tokens * hidden * 2);
  for (let row = 0; row < tokens; row += 1)
    wide.set(x.bytes.subarray(row * width * 2, (row + 1) * width * 2), row * hidden * 2);
  const { y } = ops.fused_moe_mxfp4.reference(plan.run.params, {
    x: tensor('x', 'bf16', rowMajor([tokens, hidden]), wide),
    w1: need(plain, 'w13'),
    w1_scale: unflattened('w13_scale'),
    w2: need(plain, 'w2'),
    w2_scale: unflattened('w2_scale'),
    topk_ids: need(plain, 'topk_ids'),
    topk_weights: need(plain, 'topk_weights'),
    ...(plain['w13_bias'] === undefined ? {} : { w1_bias: bias('w13_bias'), w2_bias: bias('w2_bias') }),
  });
  return { y };
}

describe.each(Object.entries(SPECS))('%s', (_name, { spec, kernel, scheme }) => {
  it('gives what the op gives on plain weights, bit by bit', async () => {
    const plan = planMoe(spec);
    expect([plan.kernel, plan.scheme]).toEqual([kernel, scheme]);
    const plain = plainOperands(plan);
    const { y, h } = await runMoePlan(plan, cpu, givenOperands(plan, plain));
    const { hidden, paddedInter } = plan.sizes;
    expect(y.layout.shape).toEqual([spec.m, hidden]);
    expect(h.layout.shape).toEqual([spec.m, 2, paddedInter]);
    const expected = direct(plan, plain).y;
    const width = expected.layout.shape[1] ?? 0;
    const [got, wanted] = [asU16(y), asU16(expected)];
    for (let row = 0; row < spec.m; row += 1) {
      expect(got.subarray(row * hidden, (row + 1) * hidden)).toEqual(
        wanted.subarray(row * width, row * width + hidden),
      );
    }
    expect(decodeArray('bf16', got).some((value) => Math.abs(value) > 0.1)).toBe(true);
  });
});

describe('on WebGPU', () => {
  // One of each scheme, and weights in every order that a kernel reads.
  it.each(['INTERLEAVE, few tokens', 'INTERLEAVE, many tokens', 'SEPARATED, many tokens', 'CK without the flag'])(
    '%s: comes near the CPU',
    async (name) => {
      const plan = planMoe(SPECS[name]?.spec ?? SMALL);
      const given = givenOperands(plan, plainOperands(plan));
      const [expected, actual] = [await runMoePlan(plan, cpu, given), await runMoePlan(plan, webgpu, given)];
      const [wanted, got] = [expected, actual].map(({ y }) => decodeArray('bf16', asU16(y))) as [
        Float32Array,
        Float32Array,
      ];
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // A code next to a tie may round the other way where h is quantised again.
      const limit = plan.scheme === 'a16w4' ? 0.005 : 0.02;
      for (const [index, value] of wanted.entries()) {
        expect(Math.abs(value - (got[index] as number))).toBeLessThan(limit * largest);
      }
    },
  );
});

describe('a loaded plan', () => {
  it('runs many batches, and survives JSON', async () => {
    const plan = JSON.parse(JSON.stringify(planMoe(SMALL))) as MoePlan;
    const given = givenOperands(plan, plainOperands(plan));
    const loaded = await loadMoePlan(plan, cpu, given);
    const [one, two] = [await loaded.run(given), await loaded.run(given)];
    expect(one.y.bytes).toEqual(two.y.bytes);
    loaded.dispose();
    expect(one.y.bytes).toEqual((await runMoePlan(plan, cpu, given)).y.bytes);
  });

  it('says what is missing or wrong', async () => {
    const plan = planMoe(SMALL);
    const plain = plainOperands(plan);
    const given = givenOperands(plan, plain);
    const { w2_scale: _, ...rest } = given;
    await expect(runMoePlan(plan, cpu, rest)).rejects.toThrow(
      'runMoePlan: operand "w2_scale": missing. The plan needs w13, w13_scale, w2, w2_scale, w13_bias, w2_bias: "w2_scale" is e8m0 [3, 96, 2] in layout row-major.',
    );
    // Separated rows where the plan begins with a checkpoint: de-interleaving them would give L6.
    await expect(runMoePlan(plan, cpu, { ...given, w13: need(plain, 'w13') })).rejects.toThrow(
      'runMoePlan: tensor "w13" is stored as row-major [3, 128, 96], but this op reads gate_up_interleaved.',
    );
    await expect(runMoePlan({ ...plan, formatVersion: 2 as 1 }, cpu, given)).rejects.toThrow(
      'this is no plan of format 1 (format is "preshuffle-moe-plan", version 2). Make it with planMoe().',
    );
    const { x } = given;
    const wide = tensor('x', 'bf16', rowMajor([6, 96]), new Uint8Array(6 * 96 * 2));
    await expect(runMoePlan(plan, cpu, { ...given, x: wide })).rejects.toThrow(
      'has shape [6, 96], the plan was made for [5, 96]',
    );
    expect(x?.layout.shape).toEqual([5, 96]);
  });
});
