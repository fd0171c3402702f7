import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_ROUTING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-routing.ts';
import { MOE_WEIGHTING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-weighting.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../../src/tensor/views.ts';
import { hypothesis } from './gemm-support.ts';
import { itFindsIn, moeCalls } from './routing-support.ts';

/** Weights of which no token's sum is 1. */
function scaledWeights(call: KernelCall): KernelCall {
  const { topk_weights: weights } = call.operands;
  if (weights === undefined) return call;
  const [, topk = 1] = weights.layout.shape;
  const scaled = asF32(weights).map((weight, route) => weight * (1.5 + (Math.floor(route / topk) % 3)));
  return { ...call, operands: { ...call.operands, topk_weights: { ...weights, bytes: asBytes(scaled) } } };
}

describe('mistakes with routing', () => {
  itFindsIn([...MOE_ROUTING_HYPOTHESES, ...MOE_WEIGHTING_HYPOTHESES], (op, { id }) => {
    const calls = moeCalls(op);
    return id === 'moe-routing-weight-renormalised' ? calls.map(scaledWeights) : calls;
  });
});

/** ids [[3, 1], [0, 2]], weights [[0.75, 0.25], [0.5, 0.5]] in a call of the second stage. */
const small = ((): KernelCall => {
  const call = probeCall({
    op: 'moe_stage2_mxfp4',
    layout: 'plain',
    sizes: { tokens: 2, experts: 4, topk: 2, hidden: 32, inter: 32 },
  });
  const { topk_ids: ids, topk_weights: weights } = call.operands as { topk_ids: Tensor; topk_weights: Tensor };
  return {
    ...call,
    operands: {
      ...call.operands,
      topk_ids: { ...ids, bytes: asBytes(Int32Array.of(3, 1, 0, 2)) },
      topk_weights: { ...weights, bytes: asBytes(Float32Array.of(0.75, 0.25, 0.5, 0.5)) },
    },
  };
})();

/** ids and weights of every way of a hypothesis, by detail. */
function routingUnder(id: string): Readonly<Record<string, readonly (readonly number[])[]>> {
  const ways = candidatesOf(hypothesis(id), small).map(({ mistakes, call: { operands } }) => {
    const { topk_ids: ids, topk_weights: weights } = operands as { topk_ids: Tensor; topk_weights: Tensor };
    return [mistakes[0]?.detail ?? '', [[...asI32(ids)], [...asF32(weights)]]] as const;
  });
  return Object.fromEntries(ways);
}

describe('what becomes of a small routing', () => {
  it('loses slots, experts of slots and nothing else', () => {
    const weights = [0.75, 0.25, 0.5, 0.5];
    expect(routingUnder('moe-routing-slot-lost')).toMatchObject({
      'only slot 0 is left': [[3, -1, 0, -1], weights],
      'only the highest expert is left': [[3, -1, -1, 2], weights],
    });
  });

  it('changes the order of slots of ids or of weights', () => {
    expect(routingUnder('moe-routing-slots-disagree')).toMatchObject({
      'weights reversed': [
        [3, 1, 0, 2],
        [0.25, 0.75, 0.5, 0.5],
      ],
      'ids in ascending order': [
        [1, 3, 0, 2],
        [0.75, 0.25, 0.5, 0.5],
      ],
    });
  });

  it('takes rows of the token beside, round the end', () => {
    expect(routingUnder('moe-routing-of-neighbour')).toMatchObject({
      'ids and weights of the next token': [
        [0, 2, 3, 1],
        [0.5, 0.5, 0.75, 0.25],
      ],
      'ids of the previous token': [
        [0, 2, 3, 1],
        [0.75, 0.25, 0.5, 0.5],
      ],
    });
  });

  it('drops and squeezes weights', () => {
    const [, dropped] = routingUnder('moe-routing-weight-dropped')[''] ?? [];
    expect(dropped).toEqual([1, 1, 1, 1]);
    const [, again] = routingUnder('moe-routing-weight-renormalised')['put through softmax once more'] ?? [];
    expect(again?.[0]).toBeCloseTo(Math.exp(0.75) / (Math.exp(0.75) + Math.exp(0.25)), 6);
  });
});

describe('routing hypotheses that do not apply', () => {
  it('lose no slot where there is one, and touch no weights where there are none', () => {
    const one = probeCall({
      op: 'moe_stage1_mxfp4',
      layout: 'plain',
      sizes: { tokens: 2, experts: 2, topk: 1, hidden: 32, inter: 32 },
    });
    expect(hypothesis('moe-routing-slot-lost').variants(one)).toEqual([]);
    expect(
      hypothesis('moe-routing-of-neighbour')
        .variants(one)
        .map(({ detail }) => detail),
    ).toEqual(['ids of the next token', 'ids of the previous token']);
  });

  it('look for no bias where none is given', () => {
    const bare = probeCall({
      op: 'fused_moe_mxfp4',
      layout: 'plain',
      sizes: { tokens: 2, experts: 2, topk: 1, hidden: 32, inter: 32 },
      bias: false,
    });
    const biased = MOE_WEIGHTING_HYPOTHESES.filter(({ family }) => family === 'bias');
    expect(biased).toHaveLength(3);
    expect(biased.flatMap(({ variants }) => variants(bare))).toEqual([]);
  });
});
