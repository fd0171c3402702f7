import { describe, expect, it } from 'vitest';
import { MOE_WEIGHT_LAYOUT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-weight-layout.ts';
import { MOE_INCIDENTS } from '../../../src/golden/moe-incidents.ts';
import { rowMajor, shuffleWeight } from '../../../src/layout/catalog.ts';
import { readAs, storedIn } from '../../../src/tensor/relayout.ts';
import { byId, mistaken, moeCall, notNamed, operand, rowsOf, waysOf } from './moe-weights-support.ts';

const SIZES = { tokens: 2, experts: 2, topk: 2, hidden: 128, inter: 128 };

const hypothesis = (id: string) => byId(MOE_WEIGHT_LAYOUT_HYPOTHESES, id);

describe('mistakes with shuffled weights', () => {
  it('are named in the fused op', async () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES, layout: 'separated', data: 'random' });
    expect(await notNamed(call, MOE_WEIGHT_LAYOUT_HYPOTHESES)).toEqual([]);
  });

  it('are named in stage 1', async () => {
    const sizes = { ...SIZES, tokens: 3, experts: 3, inter: 96 };
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes, params: { scheme: 'a4w4' }, layout: 'interleave' });
    expect(await notNamed(call, MOE_WEIGHT_LAYOUT_HYPOTHESES)).toEqual([]);
  });

  it('are named in stage 2', async () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, hidden: 96 }, layout: 'plain' });
    expect(await notNamed(call, MOE_WEIGHT_LAYOUT_HYPOTHESES)).toEqual([]);
  });

  it('happen in the gate mode of the weights, in either where they are plain', () => {
    const ways = (layout: 'plain' | 'separated' | 'interleave', id: string): readonly string[] =>
      waysOf(hypothesis(id), moeCall({ op: 'moe_stage1_mxfp4', sizes: SIZES, layout }));
    expect(ways('separated', 'moe-shuffle-dropped-separated')).toEqual(['']);
    expect(ways('separated', 'moe-shuffle-dropped-interleave')).toEqual([]);
    expect(ways('interleave', 'moe-shuffle-dropped-separated')).toEqual([]);
    expect(ways('interleave', 'moe-shuffle-flag-lost')).toEqual(['']);
    expect(ways('plain', 'moe-shuffle-flag-lost')).toEqual(['for SEPARATED', 'for INTERLEAVE']);
    expect(ways('plain', 'moe-w2-shuffle-dropped')).toEqual([]);
  });

  it.each(['plain', 'separated', 'interleave'] as const)('do to %s weights what the incidents do', (layout) => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES, layout });
    const named = { 'moe-shuffled-twice': 'moe-shuffle-flag-lost' } as Record<string, string>;
    for (const incident of MOE_INCIDENTS) {
      const found = MOE_WEIGHT_LAYOUT_HYPOTHESES.find(({ id }) => id === (named[incident.id] ?? incident.id));
      const [variant] = found?.variants(call) ?? [];
      // The incident of the lost flag is one of SEPARATED weights.
      if (variant === undefined || (layout === 'interleave' && found?.id === 'moe-shuffle-flag-lost')) continue;
      const [ours, theirs] = [variant.make().operands, incident.misread(call.operands)];
      for (const name of ['w1', 'w1_scale', 'w2'])
        expect(rowsOf(operand({ ...call, operands: ours }, name), 0), `${incident.id} ${name}`).toEqual(
          rowsOf(operand({ ...call, operands: theirs }, name), 0),
        );
    }
  });

  it('read shuffled bytes row by row where the flag is lost, and shuffle them twice to the same effect', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, inter: 192 }, layout: 'separated' });
    const w2 = operand(call, 'w2');
    const { w2: taken } = mistaken(hypothesis('moe-w2-shuffle-flag-lost'), call).operands;
    const plain = rowMajor(w2.layout.shape);
    expect(rowsOf(taken ?? w2, 1)).toEqual(rowsOf(readAs(w2, plain), 1));
    const twice = storedIn(readAs(w2, plain), shuffleWeight(w2.layout.shape, { bits: 4 }));
    expect(rowsOf(taken ?? w2, 1)).toEqual(rowsOf(twice, 1).map((row) => row));
  });

  it('move blocks of 16 rows where w2 is shuffled like w13', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: SIZES, layout: 'plain' });
    const given = rowsOf(operand(call, 'w2'), 0);
    const moved = mistaken(hypothesis('moe-w2-gate-up-shuffle'), call, 'the weight alone');
    expect(rowsOf(operand(moved, 'w2'), 0).slice(16, 32)).toEqual(given.slice(64, 80));
    expect(moved.operands['w2_scale']).toBe(call.operands['w2_scale']);
  });
});
