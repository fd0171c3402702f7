import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_SORTING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-sorting.ts';
import type { KernelCall, NamedTensors } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../../src/tensor/views.ts';
import { hypothesis, outputUnder } from './gemm-support.ts';
import { itFindsIn } from './routing-support.ts';

describe('mistakes of a sort', () => {
  itFindsIn(
    MOE_SORTING_HYPOTHESES,
    (op) => {
      const sizes = { tokens: 19, experts: 6, topk: 3 };
      const mask = { experts: 6, block_m: 4, expert_mask: [1, 0, 1, 1, 0, 1], num_local_tokens: 13 };
      return [
        probeCall({ op, data: 'address-coded', sizes, params: { experts: 6, block_m: 4 } }),
        probeCall({ op, data: 'random', sizes, params: mask }),
      ];
    },
    MOE_SORTING_HYPOTHESES,
  );
});

/** Five tokens in blocks of 4, expert 3 of four is idle. Positions: expert 0 at 0, expert 1 at 4, expert 2 at 8. */
const small: KernelCall = {
  op: 'moe_sorting',
  params: { experts: 4, block_m: 4 },
  operands: {
    topk_ids: tensorFrom('topk_ids', 'i32', [5, 2], Int32Array.of(2, 0, 2, 1, 0, 2, 2, 0, 1, 2)),
    topk_weights: tensorFrom(
      'topk_weights',
      'f32',
      [5, 2],
      Float32Array.of(0.6, 0.4, 0.7, 0.3, 0.55, 0.45, 0.9, 0.1, 0.5, 0.5),
    ),
  },
};
const PAD = (2 << 24) | 5;
const SLOT = 1 << 24;

function under(id: string, detail: string, call: KernelCall = small): NamedTensors {
  const way = candidatesOf(hypothesis(id), call).find(({ mistakes }) => mistakes[0]?.detail === detail);
  return outputUnder(call, way as NonNullable<typeof way>);
}

const ids = (outputs: NamedTensors): readonly number[] => [...asI32(outputs['sorted_ids'] as Tensor)];
const valid = (outputs: NamedTensors): readonly number[] => [...asI32(outputs['num_valid'] as Tensor)];
const experts = (outputs: NamedTensors): readonly number[] => [...asI32(outputs['sorted_expert_ids'] as Tensor)];

describe('what becomes of a small sort', () => {
  it('has other padding and other fields', () => {
    expect(ids(under('sorting-pad-id', 'T without a slot')).slice(0, 5)).toEqual([SLOT, 2, SLOT + 3, 5, SLOT + 1]);
    expect(ids(under('sorting-id-fields', 'the token alone')).slice(0, 5)).toEqual([0, 2, 3, PAD, 1]);
    expect(ids(under('sorting-id-fields', 'the route, token * topk + slot')).slice(0, 5)).toEqual([1, 4, 7, PAD, 3]);
  });

  it('has another order and other blocks', () => {
    const last = under('sorting-order', 'the last expert first');
    expect(ids(last).slice(0, 5)).toEqual([0, 1, SLOT + 2, 3, SLOT + 4]);
    expect(experts(last)).toEqual([2, 2, 1, 0, -1, -1]);
    const unpadded = under('sorting-block-size', 'not padded');
    expect(ids(unpadded).slice(0, 6)).toEqual([SLOT, 2, SLOT + 3, SLOT + 1, 4, 0]);
    expect(valid(unpadded)).toEqual([10, 5]);
    expect(experts(under('sorting-expert-ids', 'one too large'))).toEqual([1, 2, 3, 3, -1, -1]);
    expect(valid(under('sorting-empty-experts', ''))).toEqual([20, 5]);
  });

  it('counts other rows, and has other weights', () => {
    expect(valid(under('sorting-num-valid', 'rows without padding'))).toEqual([10, 5]);
    expect(valid(under('sorting-num-valid', 'blocks'))).toEqual([4, 5]);
    const first = asF32(under('sorting-weights', 'those of slot 0')['sorted_weights'] as Tensor);
    expect([...first.subarray(0, 4)]).toEqual([0.6, 0.55, 0.9, 0].map(Math.fround));
  });

  it('numbers local experts as all are', () => {
    const masked = { ...small, params: { experts: 4, block_m: 4, expert_mask: [0, 1, 1, 1] } };
    expect(experts(under('sorting-expert-ids', 'global numbers', masked)).slice(0, 3)).toEqual([1, 2, 2]);
  });
});
