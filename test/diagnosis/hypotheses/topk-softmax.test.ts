import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { TOPK_SOFTMAX_HYPOTHESES } from '../../../src/diagnosis/hypotheses/topk-softmax.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../../src/tensor/views.ts';
import { hypothesis, outputUnder } from './gemm-support.ts';
import { itFindsIn } from './routing-support.ts';

/** Logits from multiples of a step, so that some are equal. */
function logits(tokens: number, experts: number, step: number, offset: number): Tensor {
  const values = Float32Array.from({ length: tokens * experts }, (_, at) => offset + step * ((at * 37) % 11));
  return tensorFrom('logits', 'f32', [tokens, experts], values);
}

function callOf(own: Tensor, topk: number, params: object = {}): KernelCall {
  return { op: 'topk_softmax', params: { topk, ...params }, operands: { logits: own } };
}

describe('mistakes of a router', () => {
  itFindsIn(
    TOPK_SOFTMAX_HYPOTHESES,
    (op, { id }) => {
      if (id === 'topk-ties-last') return [callOf(logits(9, 23, 0.5, 0), 4), callOf(logits(4, 16, 0.25, -1), 2)];
      if (id === 'topk-softmax-overflow') return [callOf(logits(9, 11, 6.2, 40), 4)];
      return [
        probeCall({ op, data: 'address-coded', sizes: { tokens: 37, experts: 16, topk: 4 } }),
        probeCall({
          op,
          data: 'random',
          sizes: { tokens: 9, experts: 7, topk: 3 },
          params: { topk: 3, renormalize: false },
        }),
      ];
    },
    TOPK_SOFTMAX_HYPOTHESES,
  );
});

/** ids and weights of a way, by detail. */
function under(
  id: string,
  call: KernelCall,
  detail: string,
): { readonly ids: readonly number[]; readonly weights: Float32Array } {
  const way = candidatesOf(hypothesis(id), call).find(({ mistakes }) => mistakes[0]?.detail === detail);
  const { ids, weights } = outputUnder(call, way as NonNullable<typeof way>);
  return { ids: [...asI32(ids as Tensor)], weights: asF32(weights as Tensor) };
}

describe('what becomes of the logits of a token', () => {
  // Largest: experts 1, 3 (equal), then 0.
  const call = callOf(tensorFrom('logits', 'f32', [1, 4], Float32Array.of(1, 2, -3, 2)), 2);

  it('gives ties to the last expert', () => {
    expect(under('topk-ties-last', call, '').ids).toEqual([3, 1]);
  });

  it('gives other weights', () => {
    const sigmoid = under('topk-other-scores', call, 'sigmoid').weights;
    expect(sigmoid[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    const raw = under('topk-weights-not-normalised', call, 'softmax over all experts, not renormalised').weights;
    const sum = Math.exp(1) + 2 * Math.exp(2) + Math.exp(-3);
    expect(raw[0]).toBeCloseTo(Math.exp(2) / sum, 6);
  });

  it('gives other experts, with their own weights', () => {
    const smallest = under('topk-other-experts', call, 'the smallest logits');
    expect(smallest.ids).toEqual([2, 0]);
    expect(smallest.weights[1]).toBeCloseTo(1 / (1 + Math.exp(-4)), 6);
    expect(under('topk-other-experts', call, 'ids counted from 1').ids).toEqual([2, 4]);
    expect(under('topk-other-experts', call, 'the largest magnitudes').ids).toEqual([2, 1]);
  });
});
