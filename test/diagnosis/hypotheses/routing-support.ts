import { expect, it } from 'vitest';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { MOE_ACTIVATION_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-activation.ts';
import { MOE_ACTIVATION_SCALE_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-activation-scale.ts';
import { MOE_ARITHMETIC_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-arithmetic.ts';
import { MOE_QUANTISATION_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-quantisation.ts';
import { MOE_ROUTING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-routing.ts';
import { MOE_ROW_ORDER_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-row-order.ts';
import { MOE_TOKEN_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-tokens.ts';
import { MOE_WEIGHTING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-weighting.ts';
import type { Hypothesis } from '../../../src/diagnosis/hypothesis.ts';
import { decodeArray } from '../../../src/formats/decode.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU16 } from '../../../src/tensor/views.ts';
import { outputUnder, visibleWay } from './gemm-support.ts';

/** Every mistake with the routing, activation, tokens and arithmetic of a mixture of experts: rivals of each other. */
const RIVALS: readonly Hypothesis[] = [
  ...MOE_WEIGHTING_HYPOTHESES,
  ...MOE_ROUTING_HYPOTHESES,
  ...MOE_ACTIVATION_HYPOTHESES,
  ...MOE_ACTIVATION_SCALE_HYPOTHESES,
  ...MOE_QUANTISATION_HYPOTHESES,
  ...MOE_TOKEN_HYPOTHESES,
  ...MOE_ROW_ORDER_HYPOTHESES,
  ...MOE_ARITHMETIC_HYPOTHESES,
];

/** A small shape and a ragged one, whose tokens fill a block of 16 and begin another one. */
export function moeCalls(op: OpName, options: Partial<ProbeOptions> = {}): readonly KernelCall[] {
  const sizes = { tokens: 18, experts: 4, topk: 2, hidden: 64, inter: 64 };
  const ragged = { tokens: 19, experts: 7, topk: 3, hidden: 96, inter: 32 };
  return [
    probeCall({ ...options, op, data: 'address-coded', sizes }),
    probeCall({ layout: 'plain', ...options, op, data: 'random', sizes: ragged }),
  ];
}

/** The call with larger bf16 activations. */
export function timesActivations(call: KernelCall, factor: number): KernelCall {
  const name = call.op === 'moe_stage2_mxfp4' ? 'h' : 'x';
  const given = call.operands[name] as Tensor;
  const values = decodeArray('bf16', asU16(given)).map((value) => value * factor);
  return { ...call, operands: { ...call.operands, [name]: { ...given, bytes: asBytes(encodeArray('bf16', values)) } } };
}

/**
 * Plants mistakes in calls of every op that they happen to, and expects each of them to be found, and nothing else.
 * @param rivals that are searched
 */
export function itFindsIn(
  planted: readonly Hypothesis[],
  calls: (op: OpName, planted: Hypothesis) => readonly KernelCall[],
  rivals: readonly Hypothesis[] = RIVALS,
): void {
  for (const hypothesis of planted) {
    it.each(hypothesis.ops)(
      `${hypothesis.id}: %s`,
      async (op) => {
        let found = 0;
        for (const [at, call] of calls(op, hypothesis).entries()) {
          const way = visibleWay(call, hypothesis, at === 0 ? 'first' : 'last');
          if (way === undefined) continue;
          const actual = outputUnder(call, way);
          const { verdict, explanations } = await diagnose(
            { ...call, actual },
            { hypotheses: rivals, pairs: false, budgetMs: 120_000 },
          );
          const [first] = explanations;
          const detail = way.mistakes[0]?.detail;
          expect([detail, first?.mistakes.map(({ id }) => id), first?.sameAs]).toEqual([detail, [hypothesis.id], []]);
          expect(['explained', 'rounding']).toContain(verdict);
          found += 1;
        }
        expect(found).toBeGreaterThan(0);
      },
      120_000,
    );
  }
}
