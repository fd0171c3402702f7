import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_ARITHMETIC_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-arithmetic.ts';
import { decodeArray } from '../../../src/formats/decode.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU16 } from '../../../src/tensor/views.ts';
import { hypothesis, outputsOf, outputUnder } from './gemm-support.ts';
import { itFindsIn, moeCalls, timesActivations } from './routing-support.ts';

function calls(op: OpName, { id }: { readonly id: string }): readonly KernelCall[] {
  // Some sums, not all, beyond float16: without a bias, which would be lost beside sums that large; silu, which does not clamp.
  if (id === 'moe-f16-accumulator')
    return moeCalls(op, { bias: false, params: activationOf(op) }).map((call) => timesActivations(call, 2 ** 15));
  return moeCalls(op);
}

function activationOf(op: OpName): object {
  return op === 'moe_stage2_mxfp4' ? {} : { activation: 'silu' };
}

describe('mistakes with sums and rounding', () => {
  itFindsIn(MOE_ARITHMETIC_HYPOTHESES, calls);
});

describe('what becomes of a result', () => {
  const [call] = moeCalls('moe_stage2_mxfp4') as [KernelCall];
  const codesOf = (given: Readonly<Record<string, Tensor>>): Uint16Array => asU16(given['y'] as Tensor);

  it('is cut off toward zero', () => {
    const right = codesOf(outputsOf(call));
    const [way] = candidatesOf(hypothesis('moe-bf16-truncated'), call);
    const cut = codesOf(outputUnder(call, way as NonNullable<typeof way>));
    // One code nearer to zero, or the same.
    expect(new Set(right.map((code, at) => code - (cut[at] as number)))).toEqual(new Set([0, 1]));
  });

  it('is the sum of the rest where a part of K is left out', () => {
    const ways = candidatesOf(hypothesis('moe-split-k-lost'), { ...call, operands: withoutBias(call) });
    const valuesOf = (detail: string): Float32Array => {
      const way = ways.find(({ mistakes }) => mistakes[0]?.detail === detail);
      return decodeArray('bf16', codesOf(outputUnder(call, way as NonNullable<typeof way>)));
    };
    const right = decodeArray('bf16', codesOf(outputsOf({ ...call, operands: withoutBias(call) })));
    const [first, second] = [valuesOf('the first half'), valuesOf('the second half')];
    right.forEach((value, at) => {
      const [a, b] = [first[at] as number, second[at] as number];
      expect(Math.abs(a + b - value)).toBeLessThanOrEqual(2 ** -7 * (Math.abs(a) + Math.abs(b) + Math.abs(value)));
    });
  });
});

function withoutBias({ operands }: KernelCall): KernelCall['operands'] {
  const { w2_bias: _bias, ...rest } = operands;
  return rest;
}
