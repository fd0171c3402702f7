import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_ACTIVATION_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-activation.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { hypothesis, outputUnder } from './gemm-support.ts';
import { itFindsIn, moeCalls, timesActivations } from './routing-support.ts';

/** Limits near the size of the sums of a probe, so that they clamp many of them. */
const LIMIT = 1;

function calls(op: OpName, { id }: { readonly id: string }): readonly KernelCall[] {
  if (op === 'swiglu') {
    return [
      probeCall({ op, data: 'address-coded', params: { limit: LIMIT } }),
      probeCall({ op, data: 'random', params: { limit: LIMIT } }),
    ];
  }
  if (id === 'moe-gelu-tanh')
    return moeCalls(op, { params: { activation: 'gelu' } }).map((call) => timesActivations(call, 4));
  return moeCalls(op, { params: { activation: 'swiglu', swiglu_limit: LIMIT } });
}

describe('mistakes with the activation', () => {
  itFindsIn(MOE_ACTIVATION_HYPOTHESES, calls);
});

/** swiglu of gates and ups. */
function glu(gates: readonly number[], ups: readonly number[], limit: number): KernelCall {
  const operand = (name: string, values: readonly number[]) =>
    tensorFrom(name, 'f32', [values.length], Float32Array.from(values));
  return { op: 'swiglu', params: { limit }, operands: { glu: operand('glu', gates), linear: operand('linear', ups) } };
}

function under(id: string, call: KernelCall): Readonly<Record<string, readonly number[]>> {
  const ways = candidatesOf(hypothesis(id), call).map((way) => {
    const { y } = outputUnder(call, way);
    return [way.mistakes[0]?.detail ?? '', y === undefined ? [] : [...asF32(y)]] as const;
  });
  return Object.fromEntries(ways);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('what becomes of a gate and an up sum', () => {
  const call = glu([2, -3], [-5, 5], 1);

  it('is computed with another alpha, or without the 1', () => {
    expect(under('swiglu-alpha', call)['1 instead of 1.702']?.[0]).toBeCloseTo(sigmoid(1) * (-1 + 1), 6);
    expect(under('swiglu-plus-one', call)['it is missing']?.[0]).toBeCloseTo(-sigmoid(1.702), 6);
    expect(under('swiglu-plus-one', call)['it is added before the clamp']?.[1]).toBeCloseTo(
      -3 * sigmoid(-3 * 1.702),
      6,
    );
  });

  it('is clamped on other sides', () => {
    const sides = under('swiglu-clamp-sides', call);
    expect(sides['the gate from below, too']?.[1]).toBeCloseTo(-sigmoid(-1.702) * 2, 6);
    expect(sides['the gate not at all']?.[0]).toBeCloseTo(0, 6);
    expect(sides['up from above only']?.[0]).toBeCloseTo(sigmoid(1.702) * -4, 6);
    expect(sides['up from below only']?.[1]).toBeCloseTo(-3 * sigmoid(-3 * 1.702) * 6, 6);
    expect(sides['h instead of gate and up']?.[0]).toBeCloseTo(-1, 6);
  });

  it('meets another partner', () => {
    // A row g0 g1 g2 | u0 u1 u2, side by side g0 u0 g1 u1 g2 u2.
    const pairs = candidatesOf(hypothesis('swiglu-columns-interleaved'), glu([1, 2, 3], [4, 5, 6], 9)).map((way) => {
      const { glu: gate, linear } = way.call.operands as Readonly<Record<'glu' | 'linear', Tensor>>;
      return [[...asF32(gate)], [...asF32(linear)]];
    });
    expect(pairs).toEqual([
      [
        [1, 4, 2],
        [5, 3, 6],
      ],
      [
        [1, 3, 5],
        [2, 4, 6],
      ],
    ]);
  });

  it('goes through another function', () => {
    const others = under('moe-activation-other-function', call);
    expect(others['silu']?.[0]).toBeCloseTo(2 * sigmoid(2) * -5, 5);
    expect(others['silu with the limit']?.[0]).toBeCloseTo(-sigmoid(1), 6);
  });
});

describe('activation hypotheses that do not apply', () => {
  it('clamp nothing that has no limit, and approximate no gelu that is none', () => {
    const [silu] = moeCalls('moe_stage1_mxfp4', { params: { activation: 'silu' } }) as [KernelCall];
    expect(hypothesis('swiglu-clamp-sides').variants(silu)).toEqual([]);
    expect(hypothesis('moe-gelu-tanh').variants(silu)).toEqual([]);
    expect(
      hypothesis('swiglu-plus-one')
        .variants(silu)
        .map(({ detail }) => detail),
    ).toEqual(['it is added where there is none']);
  });
});
