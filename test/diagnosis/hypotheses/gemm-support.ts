import { expect, it } from 'vitest';
import { type Candidate, candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { wholeWindow } from '../../../src/diagnosis/crop.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { agreement, observe } from '../../../src/diagnosis/evidence.ts';
import { HYPOTHESES } from '../../../src/diagnosis/hypotheses/index.ts';
import type { Hypothesis } from '../../../src/diagnosis/hypothesis.ts';
import { predict } from '../../../src/diagnosis/predict.ts';
import type { KernelCall, NamedTensors } from '../../../src/ops/kernel-call.ts';
import { definitionOf, type OpName } from '../../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../../src/probe/probe-call.ts';

/** A ragged shape, and one that fits the weight tiles of every kernel. Four row blocks of w: with fewer, many mistakes are the same. */
const SHAPES: readonly Required<Pick<ProbeOptions, 'sizes' | 'data'>>[] = [
  { sizes: { m: 34, n: 400, k: 416 }, data: 'address-coded' },
  { sizes: { m: 18, n: 448, k: 640 }, data: 'random' },
];

/** Sizes that an op takes, as near to a shape as there are. */
const FIT: Readonly<Partial<Record<OpName, readonly Readonly<Record<string, number>>[]>>> = {
  fp8_gemm_nt: [{ n: 448, k: 640 }, {}],
  gemm_a4w4_bpreshuffle: [{ m: 70, k: 704 }, {}],
};

/** Two calls of a multiplication: address-coded and random, ragged and whole. */
export function gemmCalls(op: OpName, options: Partial<ProbeOptions> = {}): readonly KernelCall[] {
  return SHAPES.map(({ sizes, data }, at) =>
    probeCall({ ...options, op, data, sizes: { ...sizes, ...FIT[op]?.[at], ...options.sizes } }),
  );
}

export function outputsOf({ op, params, operands }: KernelCall): NamedTensors {
  return definitionOf(op).reference(params, operands);
}

export function hypothesis(id: string): Hypothesis {
  const found = HYPOTHESES.find((known) => known.id === id);
  if (found === undefined) throw new Error(`no hypothesis "${id}"`);
  return found;
}

/** What comes out of a call under one way of a hypothesis. */
export function outputUnder(call: KernelCall, { call: mistaken }: Candidate): NamedTensors {
  return predict(mistaken, wholeWindow(outputsOf(call)));
}

/** The first or the last way of a hypothesis that makes a difference to a call. */
export function visibleWay(call: KernelCall, planted: Hypothesis, from: 'first' | 'last'): Candidate | undefined {
  const right = observe(outputsOf(call));
  const ways = candidatesOf(planted, call);
  const ordered = from === 'first' ? ways : ways.toReversed();
  return ordered.find((way) => {
    const got = observe(outputUnder(call, way));
    const marks = agreement(call, right, got);
    const equal = marks.filter((mark) => mark === 2).length;
    return marks.includes(0) ? got.values.some(Number.isFinite) : equal < 0.9 * marks.length;
  });
}

/**
 * Plants every mistake in calls of every op that it happens to, and expects it to be found, and nothing else, among mistakes with the same.
 * That no mistake with something else predicts the same numbers is tested for all of them at once.
 */
export function itFinds(
  hypotheses: readonly Hypothesis[],
  calls: (op: OpName, planted: Hypothesis) => readonly KernelCall[] = (op) => gemmCalls(op),
): void {
  for (const planted of hypotheses) {
    it.each(planted.ops)(`${planted.id}: %s`, async (op) => {
      let found = 0;
      for (const [at, call] of calls(op, planted).entries()) {
        const way = visibleWay(call, planted, at === 0 ? 'first' : 'last');
        if (way === undefined) continue;
        const actual = outputUnder(call, way);
        const { verdict, explanations } = await diagnose(
          { ...call, actual },
          { hypotheses, pairs: false, budgetMs: 120_000 },
        );
        const named = explanations[0]?.mistakes.map(({ id }) => id);
        expect([way.mistakes[0]?.detail, named, explanations[0]?.sameAs]).toEqual([
          way.mistakes[0]?.detail,
          [planted.id],
          [],
        ]);
        expect(['explained', 'rounding']).toContain(verdict);
        found += 1;
      }
      expect(found).toBeGreaterThan(0);
    });
  }
}
