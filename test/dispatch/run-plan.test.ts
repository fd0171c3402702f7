import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import type { LinearSpec } from '../../src/dispatch/linear-spec.ts';
import type { Plan } from '../../src/dispatch/plan.ts';
import { planLinear } from '../../src/dispatch/plan-linear.ts';
import { loadPlan, runPlan } from '../../src/dispatch/run-plan.ts';
import { decodeArray } from '../../src/formats/decode.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../src/tensor/views.ts';
import { need, operandsOf } from './support.ts';

const AMD = { m: 5, n: 64, k: 256, arch: 'gfx950', rocm: '7.2' } as const satisfies LinearSpec;

const SPECS: Readonly<Record<string, LinearSpec>> = {
  preshuffled: AMD,
  'preshuffled, one token': { ...AMD, m: 1 },
  'preshuffled, square scale': { ...AMD, m: 2 },
  'plain CK': { ...AMD, rocm: '7.0' },
  'fused norm': { ...AMD, producer: 'rms-norm', residual: true },
  'fused flatten': { ...AMD, producer: 'flatten' },
  'fused activation': { ...AMD, producer: 'silu-mul' },
  'given row-major scale': { ...AMD, producer: 'given' },
  'given transposed scale': { ...AMD, producer: 'given', scale: 'TV' },
  'relabelled for Triton': { ...AMD, producer: 'given', scale: 'TV', useAiter: false },
  gfx942: { ...AMD, arch: 'gfx942' },
  'gfx942, preshuffled': { ...AMD, arch: 'gfx942', bpreshuffleGfx942: true },
  'per channel': { ...AMD, scheme: 'per-channel' },
  'per channel, fused norm': { ...AMD, scheme: 'per-channel', producer: 'rms-norm', residual: true },
  SM90: { ...AMD, arch: 'sm90' },
  SM100: { ...AMD, arch: 'sm100' },
  'SM100 and f16 before PR 22300': { ...AMD, arch: 'sm100', dtype: 'f16', rules: 'before-22300' },
};

let cpu: Backend;
let webgpu: Backend;
beforeAll(async () => {
  [cpu, webgpu] = await Promise.all([openBackend('cpu'), openBackend('webgpu')]);
});
afterAll(() => Promise.all([cpu.dispose(), webgpu.dispose()]));

function floats(given: Tensor): Float32Array {
  return given.type === 'f32' ? asF32(given) : decodeArray(given.type as 'bf16', asU16(given));
}

/** Largest difference, relative to the largest value. */
function distance(a: Tensor, b: Tensor): number {
  const [x, y] = [floats(a), floats(b)];
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return x.reduce((most, value, at) => Math.max(most, Math.abs(value - (y[at] as number))), 0) / largest;
}

describe.each(Object.entries(SPECS))('%s', (_name, spec) => {
  it('gives on WebGPU what the CPU gives', async () => {
    const plan = planLinear(spec);
    const { given } = operandsOf(plan);
    const [expected, actual] = [await runPlan(plan, cpu, given), await runPlan(plan, webgpu, given)];
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    // Codes next to a tie may differ where the producer is a fused norm; the product then moves by a code of x.
    const limit = spec.producer === 'rms-norm' || spec.producer === 'silu-mul' ? 0.02 : 0.005;
    for (const name of Object.keys(expected)) {
      expect(distance(need(expected, name), need(actual, name))).toBeLessThan(limit);
    }
  });

  it('is near the product of the plain numbers', async () => {
    const plan = planLinear(spec);
    const { given, plain } = operandsOf(plan);
    const y = floats(need(await runPlan(plan, cpu, given), 'y'));
    // e4m3 keeps four significant bits, so no term moves by more than a sixteenth (requantised weights: a bit more).
    for (const [at, { sum, magnitude }] of plainProduct(plan, plain).entries()) {
      expect(Math.abs((y[at] as number) - sum)).toBeLessThan(0.08 * magnitude);
    }
  });
});

/** In float64, from the operands as they are before any quantisation of the activation. */
function plainProduct(
  plan: Plan<LinearSpec>,
  plain: Readonly<Record<string, Tensor>>,
): readonly { readonly sum: number; readonly magnitude: number }[] {
  const { m, n, k, scheme = 'block' } = plan.spec;
  const w = decodeArray('e4m3fn', need(plain, 'weight').bytes);
  const ws = asF32(need(plain, 'weight_scale'));
  const groups = Math.ceil(k / 128);
  const weightScale = (row: number, column: number): number =>
    ws[scheme === 'block' ? Math.floor(row / 128) * groups + Math.floor(column / 128) : row] as number;
  const activation = activationOf(plan, plain);
  return Array.from({ length: m * n }, (_, index) => {
    const [row, column] = [Math.floor(index / n), index % n];
    let [sum, magnitude] = [0, 0];
    for (let at = 0; at < k; at += 1) {
      const term = activation(row, at) * (w[column * k + at] as number) * weightScale(column, at);
      sum += term;
      magnitude += Math.abs(term);
    }
    return { sum, magnitude };
  });
}

function activationOf(
  plan: Plan<LinearSpec>,
  plain: Readonly<Record<string, Tensor>>,
): (row: number, column: number) => number {
  const { k, producer = 'linear', eps = 1e-6 } = plan.spec;
  if (producer === 'given') {
    const q = need(plain, 'x_q');
    const [codes, scale] = [decodeArray(q.type as 'e4m3fn', q.bytes), asF32(need(plain, 'x_scale'))];
    const groups = scale.length / plan.spec.m;
    return (row, column) =>
      (codes[row * k + column] as number) * (scale[row * groups + Math.floor(column / 128)] as number);
  }
  const x = floats(need(plain, 'x'));
  if (producer === 'silu-mul') {
    return (row, column) => {
      const [gate, up] = [x[row * 2 * k + column] as number, x[row * 2 * k + k + column] as number];
      return (gate / (1 + Math.exp(-gate))) * up;
    };
  }
  if (producer !== 'rms-norm') return (row, column) => x[row * k + column] as number;
  const [weight, residual] = [floats(need(plain, 'norm_weight')), floats(need(plain, 'residual'))];
  const sums = x.map((value, at) => value + (residual[at] as number));
  return (row, column) => {
    const square = sums.subarray(row * k, row * k + k).reduce((sum, value) => sum + value * value, 0);
    return ((sums[row * k + column] as number) / Math.sqrt(square / k + eps)) * (weight[column] as number);
  };
}

describe('a loaded plan', () => {
  it('converts the weight once and runs many batches', async () => {
    const plan = planLinear(AMD);
    const { given } = operandsOf(plan);
    const loaded = await loadPlan(plan, webgpu, given);
    const first = await loaded.run(given);
    const doubled = {
      ...given,
      x: tensorFrom(
        'x',
        'bf16',
        [5, 256],
        asU16(need(given, 'x')).map((code) => code + 0x80),
      ),
    };
    const second = await loaded.run(doubled);
    const again = await loaded.run(given);
    loaded.dispose();
    expect(need(again, 'y').bytes).toEqual(need(first, 'y').bytes);
    // Twice the activation: twice the scale, the same codes, exactly twice the product.
    expect([...floats(need(second, 'y'))]).toEqual([...floats(need(first, 'y'))].map((value) => value * 2));
  });

  it('runs from the JSON of the plan', async () => {
    const plan = planLinear({ ...AMD, producer: 'given' });
    const { given } = operandsOf(plan);
    const copy = JSON.parse(JSON.stringify(plan)) as typeof plan;
    expect(need(await runPlan(copy, cpu, given), 'y').bytes).toEqual(need(await runPlan(plan, cpu, given), 'y').bytes);
  });

  it('returns the residual sum beside the product', async () => {
    const plan = planLinear({ ...AMD, producer: 'rms-norm', residual: true });
    const { given } = operandsOf(plan);
    const out = await runPlan(plan, cpu, given);
    expect(Object.keys(out).sort()).toEqual(['residual_out', 'y']);
    const sums = floats(need(given, 'x')).map((value, at) => value + (floats(need(given, 'residual'))[at] as number));
    const expected = tensorFrom('residual_out', 'f32', [5, 256], sums);
    expect(distance(expected, need(out, 'residual_out'))).toBeLessThan(0.01);
  });
});

describe('what is not as the plan says', () => {
  const plan = planLinear({ ...AMD, producer: 'given', scale: 'TV' });
  const { given, plain } = operandsOf(plan);
  const run = (some: Readonly<Record<string, Tensor>>) => runPlan(plan, cpu, { ...given, ...some });

  it('is refused with the name of the tensor', async () => {
    const { x_scale: _left, ...rest } = given;
    await expect(runPlan(plan, cpu, rest)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[OperandError: runPlan: operand "x_scale": missing. The plan needs x_q, x_scale: "x_scale" is f32 [5, 2] in layout scale-tv.]`,
    );
    await expect(run({ x_scale: need(plain, 'x_scale') })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: runPlan: tensor "x_scale" is stored as row-major [5, 2], but this op reads scale-tv. Permute it to scale-tv, or plan for what it is.]`,
    );
    await expect(
      run({ weight: tensorFrom('w', 'e4m3fn', [64, 128], new Uint8Array(64 * 128)) }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[OperandError: runPlan: operand "weight": has shape [64, 128], the plan was made for [64, 256]. Plan again for this shape.]`,
    );
    const fnuz = assume(need(given, 'x_q'), { type: 'e4m3fnuz', layout: rowMajor([5, 256]) });
    await expect(run({ x_q: fnuz })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[OperandError: runPlan: operand "x_q": is e4m3fnuz, expected e4m3fn. Convert it with encode, or assume() the type if the bytes are right.]`,
    );
    await expect(
      runPlan({ ...plan, formatVersion: 2 } as never, cpu, given),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PreshuffleError: this is no plan of format 1 (format is "preshuffle-plan", version 2). Make it with planLinear().]`,
    );
  });

  it('cannot be smuggled past the ops by editing the plan', async () => {
    // Without the conversion, the kernel would read the scale in the wrong order.
    const needsCopy = planLinear({ ...AMD, producer: 'given', scale: 'RM' });
    const gemm = needsCopy.steps.at(-1);
    if (gemm === undefined) throw new Error('no step');
    const edited = {
      ...needsCopy,
      steps: [
        ...needsCopy.steps.filter(({ kind }) => kind !== 'convert-scale').slice(0, -1),
        { ...gemm, inputs: { ...gemm.inputs, x_scale: 'x_scale' } },
      ],
    };
    await expect(runPlan(edited, cpu, operandsOf(needsCopy).given)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: gemm_a8w8_blockscale_bpreshuffle: tensor "x_scale" is stored as scale-rm [5, 2], but this op reads scale-tv. Permute it to scaleTransposedView([5, 2]), or call gemm_a8w8_blockscale, which reads row-major scales.]`,
    );
  });
});

it('leaves nothing on the device after an error', async () => {
  const plan = planLinear({ ...AMD, producer: 'given' });
  const { given } = operandsOf(plan);
  const seen: string[] = [];
  const live = new Set<unknown>();
  const spy: Backend = {
    ...webgpu,
    id: webgpu.id,
    device: webgpu.device,
    supports: webgpu.supports.bind(webgpu),
    run: webgpu.run.bind(webgpu),
    download: webgpu.download.bind(webgpu),
    dispose: webgpu.dispose.bind(webgpu),
    async upload(tensor) {
      const handle = await webgpu.upload(tensor);
      live.add(handle);
      return handle;
    },
    relabel(handle, claim) {
      const moved = webgpu.relabel(handle, claim);
      live.delete(handle);
      live.add(moved);
      return moved;
    },
    free(handle) {
      live.delete(handle);
      webgpu.free(handle);
    },
    async runOnDevice(op, params, operands) {
      seen.push(op);
      if (op === 'gemm_a8w8_blockscale_bpreshuffle') throw new Error('device lost');
      const outputs = await webgpu.runOnDevice(op, params, operands);
      for (const handle of Object.values(outputs)) live.add(handle);
      return outputs;
    },
  };
  await expect(runPlan(plan, spy, given)).rejects.toThrow('device lost');
  expect(seen).toEqual(['permute', 'permute', 'gemm_a8w8_blockscale_bpreshuffle']);
  expect(live.size).toBe(0);
});
