import { describe, expect, it } from 'vitest';
import { MOE_GATE_UP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-gate-up.ts';
import { MOE_INCIDENTS } from '../../../src/golden/moe-incidents.ts';
import type { ProbeLayout } from '../../../src/probe/probe-call.ts';
import { byId, mistaken, moeCall, notNamed, operand, rowsOf, waysOf } from './moe-weights-support.ts';

const SIZES = { tokens: 5, experts: 3, topk: 2, hidden: 128, inter: 128 };
const STAGE1_SIZES = { tokens: 3, experts: 2, topk: 2, hidden: 256, inter: 64 };

describe('mistakes with gate and up', () => {
  it('are named in the fused op', async () => {
    const call = moeCall({
      op: 'fused_moe_mxfp4',
      sizes: { ...SIZES, tokens: 3 },
      layout: 'separated',
      data: 'random',
    });
    expect(await notNamed(call, MOE_GATE_UP_HYPOTHESES)).toEqual([]);
  });

  it('are named in stage 1', async () => {
    const [sizes, params] = [{ ...STAGE1_SIZES, hidden: 128, inter: 96 }, { scheme: 'a8w4' }];
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes, params, layout: 'interleave' });
    expect(await notNamed(call, MOE_GATE_UP_HYPOTHESES)).toEqual([]);
  });

  it('are named where weights are plain', async () => {
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...STAGE1_SIZES, hidden: 128 }, layout: 'checkpoint' });
    expect(await notNamed(call, MOE_GATE_UP_HYPOTHESES)).toEqual([]);
  });

  const idsFor = (layout: ProbeLayout, inter: number): readonly string[] => {
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...STAGE1_SIZES, inter }, layout, bias: false });
    return MOE_GATE_UP_HYPOTHESES.filter((hypothesis) => waysOf(hypothesis, call).length > 0)
      .map(({ id }) => id)
      .filter((id) => /-l\d-/.test(id))
      .map((id) => id.replace('moe-', ''));
  };

  it('take the stored weights as those that the kernel expects', () => {
    expect(idsFor('separated', 64)).toEqual([
      'l3-read-separated',
      'l2-read-interleave',
      'l4-read-separated',
      'l5-read-separated',
      'l6-read-separated',
    ]);
    expect(idsFor('interleave', 64)).toEqual([
      'l3-read-separated',
      'l2-read-interleave',
      'l5-read-interleave',
      'l4-read-interleave',
      'l6-read-interleave',
    ]);
  });

  it('name one of two gate modes where both give the same', () => {
    const plain = ['l3-read-separated', 'l2-read-interleave', 'l4-read-separated', 'l5-read-separated'];
    expect(idsFor('plain', 64)).toEqual([...plain, 'l4-read-interleave', 'l6-read-separated']);
    expect(idsFor('plain', 32)).toEqual([
      'l3-read-separated',
      'l4-read-separated',
      'l5-read-separated',
      'l6-read-separated',
    ]);
    expect(idsFor('separated', 32)).not.toContain('l2-read-interleave');
    expect(idsFor('interleave', 32)).not.toContain('l3-read-separated');
  });

  it('do not happen where there are no gate and up rows', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: STAGE1_SIZES });
    for (const hypothesis of MOE_GATE_UP_HYPOTHESES) {
      expect(hypothesis.ops).not.toContain('moe_stage2_mxfp4');
      expect(waysOf(hypothesis, call)).toEqual([]);
    }
  });

  it('about the bias do not happen without one', () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES, bias: false });
    for (const hypothesis of MOE_GATE_UP_HYPOTHESES.filter(({ id }) => id.startsWith('moe-bias')))
      expect(waysOf(hypothesis, call)).toEqual([]);
    expect(waysOf(byId(MOE_GATE_UP_HYPOTHESES, 'moe-l4-read-separated'), call)).toEqual(['']);
  });

  it.each(['plain', 'separated', 'interleave'] as const)('do to %s weights what the incidents do', (layout) => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: { ...SIZES, experts: 4 }, layout });
    for (const incident of MOE_INCIDENTS) {
      const hypothesis = MOE_GATE_UP_HYPOTHESES.find(({ id }) => id === incident.id);
      const [variant] = hypothesis?.variants(call) ?? [];
      if (variant === undefined) continue;
      const [ours, theirs] = [variant.make().operands, incident.misread(call.operands)];
      for (const name of ['w1', 'w1_scale', 'w1_bias', 'w2'])
        expect(rowsOf(ours[name] ?? operand(call, name), 0), `${incident.id} ${name}`).toEqual(
          rowsOf(theirs[name] ?? operand(call, name), 0),
        );
    }
  });

  const call = moeCall({ op: 'fused_moe_mxfp4', sizes: { ...SIZES, inter: 64 }, layout: 'plain' });
  const given = rowsOf(operand(call, 'w1'), 1);
  const changedBy = (id: string, name = 'w1'): readonly string[] =>
    rowsOf(operand(mistaken(byId(MOE_GATE_UP_HYPOTHESES, id), call), name), 1);

  it('read checkpoint rows g0, u0, g1, u1 as gate rows', () => {
    const moved = changedBy('moe-l4-read-separated');
    expect(moved.slice(0, 4)).toEqual([given[0], given[64], given[1], given[65]]);
    expect(moved[64]).toBe(given[32]);
  });

  it('read blocks of 16 up rows as gate rows', () => {
    const moved = changedBy('moe-l3-read-separated');
    expect(moved.slice(0, 16)).toEqual(given.slice(0, 16));
    expect(moved.slice(16, 32)).toEqual(given.slice(64, 80));
    expect(moved.slice(112)).toEqual(given.slice(112));
    const other = changedBy('moe-l2-read-interleave');
    expect(other.slice(16, 32)).toEqual(given.slice(32, 48));
    expect(other.slice(64, 80)).toEqual(given.slice(16, 32));
  });

  it('exchange halves', () => {
    expect(changedBy('moe-gate-up-swapped')).toEqual([...given.slice(64), ...given.slice(0, 64)]);
  });

  it('leave the parts alone that are right', () => {
    const { operands } = mistaken(byId(MOE_GATE_UP_HYPOTHESES, 'moe-weight-not-deinterleaved'), call);
    expect(Object.keys(operands).filter((name) => operands[name] !== call.operands[name])).toEqual(['w1']);
  });
});
