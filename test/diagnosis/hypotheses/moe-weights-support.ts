import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { wholeWindow } from '../../../src/diagnosis/crop.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { agreement, observe } from '../../../src/diagnosis/evidence.ts';
import type { Hypothesis, MistakenCall } from '../../../src/diagnosis/hypothesis.ts';
import { predict } from '../../../src/diagnosis/predict.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { definitionOf } from '../../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes } from '../../../src/tensor/make.ts';
import { toRowMajor } from '../../../src/tensor/relayout.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

export type MoeOp = 'fused_moe_mxfp4' | 'moe_stage1_mxfp4' | 'moe_stage2_mxfp4';

/** A probe of a mixture of experts in which every expert has tokens. */
export function moeCall(options: ProbeOptions & { readonly op: MoeOp }): KernelCall {
  const params = options.op === 'moe_stage2_mxfp4' ? {} : { activation: 'swiglu' };
  const call = probeCall({ ...options, params: { ...params, ...options.params } });
  const ids = operand(call, 'topk_ids');
  const weight = call.operands['w1'] ?? call.operands['w13'] ?? operand(call, 'w2');
  const [experts = 1] = weight.layout.shape;
  const [tokens = 0, topk = 1] = ids.layout.shape;
  const routes = Int32Array.from({ length: tokens * topk }, (_, route) => {
    return (Math.floor(route / topk) + (route % topk) * (route % 3 === 0 ? 1 : 2)) % experts;
  });
  return { ...call, operands: { ...call.operands, topk_ids: { ...ids, bytes: asBytes(routes) } } };
}

export function operand({ operands }: KernelCall, name: string): Tensor {
  const found = operands[name];
  if (found === undefined) throw new Error(`no operand ${name}`);
  return found;
}

export function byId(hypotheses: readonly Hypothesis[], id: string): Hypothesis {
  const found = hypotheses.find((hypothesis) => hypothesis.id === id);
  if (found === undefined) throw new Error(`no hypothesis ${id}`);
  return found;
}

/** Details of the ways in which a hypothesis applies. */
export function waysOf(hypothesis: Hypothesis, call: KernelCall): readonly string[] {
  return hypothesis.variants(call).map(({ detail }) => detail);
}

export function mistaken(hypothesis: Hypothesis, call: KernelCall, detail = ''): MistakenCall {
  const found = hypothesis.variants(call).find((variant) => variant.detail === detail);
  if (found === undefined) throw new Error(`${hypothesis.id} has no way "${detail}"`);
  return found.make();
}

/** Rows of an expert of a row-major weight or scale as one word each. */
export function rowsOf(source: Tensor, expert: number): readonly string[] {
  const plain = toRowMajor(source);
  const [first = 1, second = 1] = plain.layout.shape;
  const [experts, rows] = plain.layout.shape.length === 3 ? [first, second] : [1, first];
  const width = plain.bytes.length / (experts * rows);
  return Array.from({ length: rows }, (_, row) => {
    const start = (expert * rows + row) * width;
    return Buffer.from(plain.bytes.subarray(start, start + width)).toString('hex');
  });
}

/**
 * Plants the first and the last way of each hypothesis in a call.
 * @returns what was not named first and alone, and what does not show
 */
export async function notNamed(call: KernelCall, hypotheses: readonly Hypothesis[]): Promise<readonly string[]> {
  const right = definitionOf(call.op).reference(call.params, call.operands);
  const names = Object.keys(right);
  const missed: string[] = [];
  for (const hypothesis of hypotheses.filter(({ ops }) => ops.includes(call.op))) {
    const candidates = candidatesOf(hypothesis, call);
    for (const candidate of new Set([candidates[0], candidates.at(-1)])) {
      if (candidate === undefined) continue;
      const actual = predict(candidate.call, wholeWindow(right));
      const about = `${hypothesis.id} (${candidate.mistakes[0]?.detail})`;
      if (!agreement(call, observe(right, names), observe(actual, names)).includes(0)) {
        missed.push(`${about} does not show`);
        continue;
      }
      const { verdict, explanations } = await diagnose(
        { ...call, actual },
        { hypotheses, pairs: false, budgetMs: 60_000 },
      );
      const [best] = explanations;
      const ids = best?.mistakes.map(({ id }) => id).join('+');
      if (verdict === 'explained' && ids === hypothesis.id) continue;
      missed.push(`${about}: ${verdict}, ${ids}, also ${best?.sameAs.flat().map(({ id }) => id)}`);
    }
  }
  return missed;
}
