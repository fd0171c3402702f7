import { describe, expect, it } from 'vitest';
import { encodeArray } from '../../src/formats/encode.ts';
import { type TopkSoftmaxParams, topkSoftmax } from '../../src/ops/topk-softmax.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';
import { noise, outside } from './gemm-moe-support.ts';

const f32 = (rows: readonly (readonly number[])[]): Tensor =>
  tensorFrom('logits', 'f32', [rows.length, rows[0]!.length], Float32Array.from(rows.flat()));

function run(params: TopkSoftmaxParams, logits: Tensor): { readonly ids: number[]; readonly weights: Float32Array } {
  const { ids, weights } = topkSoftmax.reference(params, { logits });
  return { ids: Array.from(asI32(ids)), weights: asF32(weights) };
}

const softmax = (values: readonly number[]): number[] => {
  const sum = values.reduce((total, value) => total + Math.exp(value), 0);
  return values.map((value) => Math.exp(value) / sum);
};

describe('topk_softmax', () => {
  const row = [0.5, -1, 3, 2, 0];

  it('orders by logit, and softmax before or after the choice differs only without renormalisation', () => {
    const before = run({ topk: 2, renormalize: false }, f32([row]));
    expect(before.ids).toEqual([2, 3]);
    const all = softmax(row);
    expect(before.weights[0]).toBeCloseTo(all[2]!, 6);
    expect(before.weights[1]).toBeCloseTo(all[3]!, 6);
    const kept = softmax([3, 2]);
    for (const params of [
      {},
      { renormalize: true },
      { order: 'topk-softmax' },
      { order: 'topk-softmax', renormalize: false },
    ] as const) {
      const { ids, weights } = run({ topk: 2, ...params }, f32([row]));
      expect(ids).toEqual([2, 3]);
      expect(Array.from(weights)).toEqual(kept.map(Math.fround));
    }
  });

  it('takes the lowest expert where logits are equal, -0 and 0 among them', () => {
    expect(run({ topk: 3 }, f32([[1, 2, 2, 1, 2, 0]])).ids).toEqual([1, 2, 4]);
    expect(run({ topk: 2 }, f32([[-0, 0, -1]])).ids).toEqual([0, 1]);
    expect(run({ topk: 4 }, f32([[7, 7, 7, 7]]))).toEqual({
      ids: [0, 1, 2, 3],
      weights: new Float32Array(4).fill(0.25),
    });
  });

  it('reads bf16 and f16, one token or many', () => {
    for (const type of ['bf16', 'f16'] as const) {
      const codes = encodeArray(type, Float32Array.from([...row, ...row.toReversed()]));
      const { ids, weights } = run({ topk: 1, renormalize: false }, tensorFrom('logits', type, [2, 5], codes));
      expect(ids).toEqual([2, 2]);
      expect(weights[0]).toBeCloseTo(softmax(row)[2]!, 6);
    }
    expect(run({ topk: 1 }, f32([[3]]))).toEqual({ ids: [0], weights: Float32Array.of(1) });
  });

  it('puts a NaN first, so that it shows; masked experts get weight 0', () => {
    for (const order of ['softmax-topk', 'topk-softmax'] as const) {
      const { ids, weights } = run(
        { topk: 2, order },
        f32([
          [1, Number.NaN, 2],
          [1, 3, 2],
        ]),
      );
      expect(ids).toEqual([1, 2, 1, 2]);
      expect(Array.from(weights).map(Number.isNaN)).toEqual([true, true, false, false]);
    }
    const masked = run({ topk: 2 }, f32([[1, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]]));
    expect(masked).toEqual({ ids: [0, 1], weights: Float32Array.of(1, 0) });
  });

  it('bounds float32 arithmetic in any order', () => {
    const next = noise(1);
    const [tokens, experts, topk] = [20, 32, 4];
    const values = Float32Array.from({ length: tokens * experts }, () => (next() / 2 ** 32 - 0.5) * 40);
    const logits = tensorFrom('logits', 'f32', [tokens, experts], values);
    for (const renormalize of [true, false]) {
      const bound = topkSoftmax.bound!({ topk, renormalize }, { logits }).weights;
      const { ids } = run({ topk, renormalize }, logits);
      const single = new Float32Array(tokens * topk);
      for (let token = 0; token < tokens; token += 1) {
        const exps = Array.from(values.subarray(token * experts, (token + 1) * experts), (value) =>
          Math.fround(Math.exp(Math.fround(value))),
        );
        const order = exps.toSorted(() => (next() & 1) - 0.5);
        const sum = order.reduce((total, value) => Math.fround(total + value), 0);
        const kept = ids.slice(token * topk, (token + 1) * topk).map((id) => Math.fround(exps[id]! / sum));
        const again = renormalize ? Math.fround(1 / kept.reduce((total, value) => Math.fround(total + value), 0)) : 1;
        for (const [slot, value] of kept.entries()) single[token * topk + slot] = value * again;
      }
      expect(outside(single, 'f32', bound)).toBe(0);
      expect(
        outside(
          single.map((value) => value * 1.0001),
          'f32',
          bound,
        ),
      ).toBeGreaterThan(0.7 * single.length);
    }
  });

  it.each([
    [{ topk: 0 }, 'parameter "topk": is 0, expected a positive integer.'],
    [{}, 'parameter "topk": is missing, expected a positive integer.'],
    [{ topk: 2, order: 'sigmoid' }, 'parameter "order": is "sigmoid", expected softmax-topk or topk-softmax.'],
    [{ topk: 2, renormalize: 1 }, 'parameter "renormalize": is 1, expected true or false.'],
    [{ topk: 6 }, 'operand "logits": has logits of 5 experts [1, 5], but topk is 6. A token cannot be sent to more.'],
  ])('refuses %j', (params, message) => {
    expect(() => topkSoftmax.plan(params as TopkSoftmaxParams, { logits: f32([row]) })).toThrow(
      `topk_softmax: ${message}`,
    );
  });

  it('refuses logits that are no matrix', () => {
    expect(() =>
      topkSoftmax.plan({ topk: 1 }, { logits: tensorFrom('logits', 'f32', [4], new Float32Array(4)) }),
    ).toThrow('topk_softmax: operand "logits": has 1 dimensions [4], expected 2 (T, E).');
  });
});
