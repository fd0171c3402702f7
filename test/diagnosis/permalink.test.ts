import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../src/diagnosis/candidate.ts';
import { HYPOTHESES } from '../../src/diagnosis/hypotheses/index.ts';
import type { Hypothesis } from '../../src/diagnosis/hypothesis.ts';
import { permalinkOf } from '../../src/diagnosis/permalink.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { incidentById } from '../../src/visualizer/model/incident-scenes.ts';
import { resolveLayout } from '../../src/visualizer/model/layout-ref.ts';
import { parsePermalink } from '../../src/visualizer/model/permalink.ts';

const call = probeCall({ op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 20, n: 256, k: 384 } });

function linkOf(hypothesis: Hypothesis): string | undefined {
  const [candidate] = candidatesOf(hypothesis, call);
  return candidate === undefined ? undefined : permalinkOf(hypothesis, candidate);
}

function known(id: string): Hypothesis {
  return HYPOTHESES.find((hypothesis) => hypothesis.id === id) as Hypothesis;
}

describe('permalinkOf', () => {
  it('opens the incident, and every incident has a scene', () => {
    expect(linkOf(known('weight-shuffled-twice'))).toBe('#v=1&screen=incidents&topic=weight-shuffled-twice');
    for (const { incident } of HYPOTHESES) if (incident !== undefined) expect(incidentById(incident)).toBeDefined();
  });

  it('opens the layout of the operand that a mistake changes', () => {
    const link = linkOf(known('weight-k-major'));
    expect(link).toBe('#v=1&screen=lens&shape=N256,K384');
    const scene = parsePermalink(link ?? '');
    expect(
      resolveLayout(scene.a, scene.shape, { bits: 8, experts: 1 }).layout.equals(call.operands['w']?.layout as never),
    ).toBe(true);
  });

  it('is missing where no operand changes', () => expect(linkOf(known('f16-accumulator'))).toBeUndefined());

  it('can be parsed for every mistake', () => {
    for (const hypothesis of HYPOTHESES.filter(({ ops }) => ops.includes(call.op))) {
      const link = linkOf(hypothesis);
      if (link !== undefined) expect(() => parsePermalink(link), link).not.toThrow();
    }
  });
});
