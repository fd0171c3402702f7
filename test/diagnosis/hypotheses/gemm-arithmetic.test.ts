import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_ARITHMETIC_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-arithmetic.ts';
import { scalePower } from '../../../src/diagnosis/hypotheses/gemm-scale-values.ts';
import type { Hypothesis } from '../../../src/diagnosis/hypothesis.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { gemmCalls, hypothesis, itFinds, outputsOf, outputUnder } from './gemm-support.ts';

/** Calls in which a mistake shows: large results for half precision, truncated ones for those that are rounded. */
function callsFor(op: OpName, { id }: Hypothesis): readonly KernelCall[] {
  if (id === 'bf16-rounded') return gemmCalls(op, { params: { rounding: 'truncate' } });
  if (id !== 'output-through-f16') return gemmCalls(op);
  return gemmCalls(op).map((call) => {
    const largest = Math.max(...asF32(outputsOf({ ...call, params: { ...call.params, out: 'f32' } })['y'] as never));
    const scale = scalePower(call.operands['x_scale'] as never, 1, 17 - Math.floor(Math.log2(largest)));
    return { ...call, operands: { ...call.operands, x_scale: scale } };
  });
}

describe('mistakes with sums and roundings are found', () => {
  itFinds(GEMM_ARITHMETIC_HYPOTHESES, callsFor);
});

describe('what the mistakes do', () => {
  it('a sum of 448 * 448 is infinite in half precision', () => {
    const call = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 1, n: 1, k: 128 }, params: { out: 'f32' } });
    const [x, w] = ['x', 'w'].map((name) => {
      const given = call.operands[name];
      if (given === undefined) throw new Error(`no ${name}`);
      return { ...given, bytes: Uint8Array.from({ length: 128 }, (_, k) => (k === 3 ? 0x7e : 0x38)) };
    });
    const large = { ...call, operands: { ...call.operands, ...(x && w ? { x, w } : {}) } };
    const [way] = candidatesOf(hypothesis('f16-accumulator'), large);
    expect(asF32(outputUnder(large, way as never)['y'] as never)[0]).toBe(Number.POSITIVE_INFINITY);
    expect(asF32(outputsOf(large)['y'] as never)[0]).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('roundings of bf16 are none of f32', () => {
    const call = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 1, n: 16, k: 256 }, params: { out: 'f32' } });
    for (const id of ['bf16-truncated', 'bf16-rounded', 'split-k-bf16-sums'])
      expect(hypothesis(id).variants(call)).toEqual([]);
  });
});
