import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { observe } from '../../../src/diagnosis/evidence.ts';
import { GEMMS } from '../../../src/diagnosis/hypotheses/gemm-calls.ts';
import { HYPOTHESES } from '../../../src/diagnosis/hypotheses/index.ts';
import { gemmCalls, outputUnder } from './gemm-support.ts';

/** Ids of mistakes that give the same output, to the bit, as another one. */
function samePredictions(call: ReturnType<typeof gemmCalls>[number]): readonly string[] {
  const ids = new Map<string, Set<string>>();
  for (const hypothesis of HYPOTHESES.filter(({ ops }) => ops.includes(call.op))) {
    for (const way of candidatesOf(hypothesis, call)) {
      const outputs = outputUnder(call, way);
      // Padding of a probe is poisoned. Outputs that are nothing but NaN tell of no mistake, and diagnose refuses them.
      if (!observe(outputs).values.some(Number.isFinite)) continue;
      const { y } = outputs;
      const key = Buffer.from(y?.bytes ?? []).toString('base64');
      ids.set(key, (ids.get(key) ?? new Set()).add(hypothesis.id));
    }
  }
  return [...ids.values()].filter((same) => same.size > 1).map((same) => [...same].join(' = '));
}

describe('no two mistakes give the same numbers', () => {
  it.each(
    GEMMS.flatMap((op) => gemmCalls(op).map((call, at) => [op, at === 0 ? 'address-coded' : 'random', call] as const)),
  )('%s, %s', (_, __, call) => {
    expect(samePredictions(call)).toEqual([]);
  });

  it('packed scales of DeepGEMM', () => {
    const [call] = gemmCalls('fp8_gemm_nt', { scales: 'packed' });
    expect(samePredictions(call as never)).toEqual([]);
  });
});
