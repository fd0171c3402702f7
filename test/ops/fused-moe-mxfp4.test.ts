import { describe, expect, it } from 'vitest';
import { encodeArray } from '../../src/formats/encode.ts';
import { fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import type { FusedMoeParams } from '../../src/ops/shared/fused-moe-plan.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import { goldenCases, noise, outside, valuesOf } from './gemm-moe-support.ts';

type Name = 'x' | 'w1' | 'w1_scale' | 'w1_bias' | 'w2' | 'w2_scale' | 'w2_bias' | 'topk_ids' | 'topk_weights';
type Operands = Record<Name, Tensor>;

const bf16 = (name: string, shape: readonly number[], values: Float32Array): Tensor =>
  tensorFrom(name, 'bf16', shape, encodeArray('bf16', values));

describe('fused_moe_mxfp4 on golden cases', () => {
  it.each(goldenCases('moe.safetensors', 'fused_moe_mxfp4'))('$name', (golden) => {
    const activation = golden.meta.activation as 'silu' | 'swiglu';
    const operands: Operands = {
      x: golden.read('x', 'bf16'),
      w1: golden.read('w1', 'e2m1'),
      w1_scale: golden.read('w1_scale', 'e8m0'),
      w1_bias: golden.read('w1_bias', 'f32'),
      w2: golden.read('w2', 'e2m1'),
      w2_scale: golden.read('w2_scale', 'e8m0'),
      w2_bias: golden.read('w2_bias', 'f32'),
      topk_ids: golden.read('topk_ids', 'i32'),
      topk_weights: golden.read('topk_weights', 'f32'),
    };
    const bound = fusedMoeMxfp4.bound?.({ activation }, operands);
    const ours = fusedMoeMxfp4.reference({ activation }, operands);
    const wrong = fusedMoeMxfp4.reference({ activation: activation === 'silu' ? 'swiglu' : 'silu' }, operands);
    for (const name of ['h', 'y'] as const) {
      const expected = golden.read(name, 'bf16');
      const count = expected.layout.size;
      expect(outside(valuesOf(expected), 'bf16', bound?.[name])).toBe(0);
      expect(outside(valuesOf(ours[name]), 'bf16', bound?.[name])).toBe(0);
      expect(outside(valuesOf(wrong[name]), 'bf16', bound?.[name])).toBeGreaterThan(0.8 * count);
      // torch adds in float32; only a handful of results lie so near a tie that its order shows.
      const codes = asU16(expected);
      const equal = asU16(ours[name]).filter((code, i) => code === codes[i]).length;
      expect(equal / count).toBeGreaterThan(0.998);
    }
  });
});

/** A random problem: H = 64, I = 32, three experts, two slots. */
function randomProblem(tokens: number, seed: number): Operands {
  const next = noise(seed);
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 255);
  const scales = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => 122 + (next() % 6));
  const floats = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => (next() / 2 ** 32) * 2 - 1);
  return {
    x: bf16('x', [tokens, 64], floats(tokens * 64)),
    w1: tensorFrom('w1', 'e2m1', [3, 64, 64], bytes(3 * 64 * 32)),
    w1_scale: tensorFrom('w1_scale', 'e8m0', [3, 64, 2], scales(3 * 64 * 2)),
    w1_bias: tensorFrom('w1_bias', 'f32', [3, 64], floats(3 * 64)),
    w2: tensorFrom('w2', 'e2m1', [3, 64, 32], bytes(3 * 64 * 16)),
    w2_scale: tensorFrom('w2_scale', 'e8m0', [3, 64, 1], scales(3 * 64)),
    w2_bias: tensorFrom('w2_bias', 'f32', [3, 64], floats(3 * 64)),
    topk_ids: tensorFrom(
      'topk_ids',
      'i32',
      [tokens, 2],
      Int32Array.from({ length: tokens * 2 }, (_, i) => (i * 2) % 3),
    ),
    topk_weights: tensorFrom('topk_weights', 'f32', [tokens, 2], floats(tokens * 2).map(Math.abs)),
  };
}

describe('fused_moe_mxfp4', () => {
  it('weights the second bias, and adds it once a route', () => {
    const problem = randomProblem(2, 1);
    const zero = { ...problem, w2: tensorFrom('w2', 'e2m1', [3, 64, 32], new Uint8Array(3 * 64 * 16)) };
    const { exact } = fusedMoeMxfp4.bound!({ activation: 'silu' }, zero).y!;
    const bias = valuesOf(problem.w2_bias);
    const weights = valuesOf(problem.topk_weights);
    // Routes are (0, 2) and (1, 0).
    expect(exact[5]).toBeCloseTo(weights[0]! * bias[5]! + weights[1]! * bias[2 * 64 + 5]!, 12);
    expect(exact[64 + 5]).toBeCloseTo(weights[2]! * bias[64 + 5]! + weights[3]! * bias[5]!, 12);
  });

  it('does without biases', () => {
    const { w1_bias: _1, w2_bias: _2, ...rest } = randomProblem(2, 2);
    const zeros = {
      ...rest,
      w1_bias: tensorFrom('w1_bias', 'f32', [3, 64], new Float32Array(192)),
      w2_bias: tensorFrom('w2_bias', 'f32', [3, 64], new Float32Array(192)),
    };
    const want = fusedMoeMxfp4.reference({ activation: 'silu' }, zeros);
    const have = fusedMoeMxfp4.reference({ activation: 'silu' }, rest);
    expect(have.y.bytes).toEqual(want.y.bytes);
    expect(have.h.bytes).toEqual(want.h.bytes);
  });

  it('leaves routes to absent experts out', () => {
    const problem = randomProblem(2, 3);
    const absent = { ...problem, topk_ids: tensorFrom('topk_ids', 'i32', [2, 2], Int32Array.of(0, -1, 3, 1)) };
    const { h, y } = fusedMoeMxfp4.reference({ activation: 'swiglu' }, absent);
    expect(Array.from(valuesOf(h).subarray(32, 96))).toEqual(new Array(64).fill(0));
    const weightless = {
      ...problem,
      topk_ids: tensorFrom('topk_ids', 'i32', [2, 2], Int32Array.of(0, 1, 2, 1)),
      topk_weights: tensorFrom(
        'topk_weights',
        'f32',
        [2, 2],
        valuesOf(problem.topk_weights).map((weight, i) => (i === 1 || i === 2 ? 0 : weight)),
      ),
    };
    expect(y.bytes).toEqual(fusedMoeMxfp4.reference({ activation: 'swiglu' }, weightless).y.bytes);
  });

  it('clamps silu only when a limit is given', () => {
    const problem = randomProblem(3, 4);
    const run = (params: FusedMoeParams): Uint8Array => fusedMoeMxfp4.reference(params, problem).h.bytes;
    expect(run({ activation: 'silu', swiglu_limit: 0 })).toEqual(run({ activation: 'silu' }));
    expect(run({ activation: 'silu', swiglu_limit: 0.25 })).not.toEqual(run({ activation: 'silu' }));
    for (const limit of [0, 7])
      expect(run({ activation: 'swiglu', swiglu_limit: limit })).toEqual(run({ activation: 'swiglu' }));
    const limited = valuesOf(fusedMoeMxfp4.reference({ activation: 'silu', swiglu_limit: 0.25 }, problem).h);
    // g * sigmoid(g) is never below -0.2785; the unlimited values reach far beyond.
    expect(Math.max(...limited.map(Math.abs))).toBeLessThanOrEqual(0.07);
  });

  it('bounds results that are off by a few percent out', () => {
    const problem = randomProblem(16, 5);
    const { y } = fusedMoeMxfp4.bound!({ activation: 'swiglu' }, problem);
    const ours = valuesOf(fusedMoeMxfp4.reference({ activation: 'swiglu' }, problem).y);
    expect(outside(ours, 'bf16', y)).toBe(0);
    expect(
      outside(
        ours.map((value) => value * 1.05),
        'bf16',
        y,
      ),
    ).toBeGreaterThan(0.9 * ours.length);
  });

  it('passes the other bf16 neighbour of an h on a tie on to y', () => {
    // With w1 = 0 and a gate of 128, silu gives h = 128 * up. An up of 1 + 2^-8 puts h half-way between 128 and 129.
    const bias = Float32Array.from({ length: 3 * 64 }, (_, i) => (i % 64 < 32 ? 128 : 1));
    bias[32 + 3] = 1 + 2 ** -8;
    const problem = {
      ...randomProblem(2, 5),
      w1: tensorFrom('w1', 'e2m1', [3, 64, 64], new Uint8Array(3 * 64 * 32)),
      w1_bias: tensorFrom('w1_bias', 'f32', [3, 64], bias),
      w2: tensorFrom('w2', 'e2m1', [3, 64, 32], new Uint8Array(3 * 64 * 16).fill(0x22)), // ones
      w2_scale: tensorFrom('w2_scale', 'e8m0', [3, 64, 1], new Uint8Array(3 * 64).fill(127)),
      topk_ids: tensorFrom('topk_ids', 'i32', [2, 2], Int32Array.of(0, 1, 1, 2)),
      topk_weights: tensorFrom('topk_weights', 'f32', [2, 2], Float32Array.of(0.75, 0.25, 0.5, 0.5)),
    };
    const { h, y } = fusedMoeMxfp4.bound!({ activation: 'silu' }, problem);
    expect(h!.exact[3]).toBe(128.5);
    expect(h!.exact[4]).toBe(128);
    expect(y!.error[0]).toBeGreaterThan(0.75);
    expect(y!.error[0]).toBeLessThan(0.8);
    expect(y!.error[64]).toBeLessThan(0.05);
  });

  it('keeps NaN scales inside the routes of their expert', () => {
    const problem = randomProblem(2, 6);
    const w1_scale = tensorFrom('w1_scale', 'e8m0', [3, 64, 2], problem.w1_scale.bytes.slice());
    w1_scale.bytes[2 * 64 * 2] = 255; // expert 2, row 0: routed by token 0 only
    const operands = { ...problem, w1_scale };
    const y = valuesOf(fusedMoeMxfp4.reference({ activation: 'silu' }, operands).y);
    expect(Array.from(y.subarray(0, 64)).every(Number.isNaN)).toBe(true);
    expect(Array.from(y.subarray(64)).some(Number.isNaN)).toBe(false);
    expect(outside(y, 'bf16', fusedMoeMxfp4.bound!({ activation: 'silu' }, operands).y)).toBe(0);
  });
});

describe('fused_moe_mxfp4 refuses', () => {
  const good = randomProblem(2, 7);
  const refuse =
    (operands: Partial<Operands>, params: object = {}): (() => unknown) =>
    () =>
      fusedMoeMxfp4.plan({ activation: 'silu', ...params } as FusedMoeParams, { ...good, ...operands } as Operands);

  it.each([
    [{ activation: 'relu' }, 'parameter "activation": is "relu", expected silu or swiglu or gelu.'],
    [{ scheme: 'a8w8' }, 'parameter "scheme": is "a8w8", expected a16w4 or a8w4 or a4w4.'],
    [
      { quantMode: 'RoundNearest' },
      'parameter "quantMode": is "RoundNearest", expected RoundDown or RoundUp or Even or Ceil.',
    ],
    [{ swiglu_limit: -1 }, 'parameter "swiglu_limit": is -1, expected a number that is not negative.'],
  ])('%j', (params, message) => {
    expect(refuse({}, params)).toThrow(`fused_moe_mxfp4: ${message}`);
  });

  it('shapes that do not fit', () => {
    const e2m1 = (name: string, shape: readonly number[]): Tensor =>
      tensorFrom(name, 'e2m1', shape, new Uint8Array(shape.reduce((product, size) => product * size, 1) / 2));
    expect(refuse({ w1: e2m1('w1', [3, 64, 96]) })).toThrow(
      'fused_moe_mxfp4: operand "w1": has shape [3, 64, 96], expected [*, *, 64] (E, 2 * I, H = 64 of x).',
    );
    expect(refuse({ w1: e2m1('w1', [3, 60, 64]) })).toThrow(
      'fused_moe_mxfp4: operand "w1": has I (half of its rows) = 30, expected a multiple of 32: 32 elements share a scale. Pad with zeros.',
    );
    expect(refuse({ w2: e2m1('w2', [3, 64, 64]) })).toThrow(
      'fused_moe_mxfp4: operand "w2": has shape [3, 64, 64], expected [3, 64, 32] (E, H, I of x and w1).',
    );
    expect(refuse({ w2_scale: tensorFrom('w2_scale', 'e8m0', [3, 64, 2], new Uint8Array(384)) })).toThrow(
      'fused_moe_mxfp4: operand "w2_scale": has shape [3, 64, 2], but its weight "w2" has [3, 64, 32]: expected [3, 64, 1] (E, rows, columns / 32), or [192, 1] where the scales are shuffled.',
    );
    expect(refuse({ w1_bias: tensorFrom('w1_bias', 'f32', [3, 32], new Float32Array(96)) })).toThrow(
      'fused_moe_mxfp4: operand "w1_bias": has shape [3, 32], expected [3, 64] (E, rows of w1).',
    );
    expect(refuse({ topk_ids: tensorFrom('topk_ids', 'i32', [3, 2], new Int32Array(6)) })).toThrow(
      'fused_moe_mxfp4: operand "topk_ids": has shape [3, 2], expected [2, *] (T = 2 of x, topk).',
    );
  });

  it('bf16 biases, which lose precision silently', () => {
    expect(refuse({ w1_bias: bf16('w1_bias', [3, 64], new Float32Array(192)) })).toThrow(
      'fused_moe_mxfp4: operand "w1_bias": is bf16, expected f32; AITER says "MoE bias must be fp32". Convert it with encode.',
    );
  });
});
