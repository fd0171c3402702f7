import { describe, expect, it } from 'vitest';
import { MOE_SCALE_BLOCK_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-scale-blocks.ts';
import { MOE_SCALE_LAYOUT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-scale-layout.ts';
import { definitionOf } from '../../../src/ops/registry.ts';
import { toRowMajor } from '../../../src/tensor/relayout.ts';
import { byId, mistaken, moeCall, notNamed, operand, waysOf } from './moe-weights-support.ts';

const SIZES = { tokens: 2, experts: 2, topk: 2, hidden: 256, inter: 128 };

const ALL = [...MOE_SCALE_LAYOUT_HYPOTHESES, ...MOE_SCALE_BLOCK_HYPOTHESES];

describe('mistakes with stored scales', () => {
  it('are named in the fused op', async () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: { ...SIZES, hidden: 128 }, layout: 'plain', data: 'random' });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('are named in stage 1', async () => {
    const sizes = { ...SIZES, tokens: 3, experts: 3, inter: 96 };
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes, params: { scheme: 'a8w4' }, layout: 'separated' });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('are named in stage 2', async () => {
    const sizes = { ...SIZES, hidden: 96, inter: 192 };
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes, layout: 'separated', data: 'random' });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('have a second way where the shuffle pads columns', () => {
    const ways = (hidden: number): readonly string[] =>
      waysOf(byId(ALL, 'moe-w13-scale-not-shuffled'), moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...SIZES, hidden } }));
    expect(ways(256)).toEqual(['']);
    expect(ways(128)).toEqual(['', 'columns padded to a multiple of 8']);
  });

  it('of several experts need several, and rows that are padded', () => {
    const ways = (experts: number, inter: number): readonly string[] =>
      waysOf(
        byId(ALL, 'moe-scale-padded-per-expert'),
        moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...SIZES, experts, topk: 1, inter } }),
      );
    expect([ways(1, 96), ways(2, 128), ways(2, 96)]).toEqual([[], [], ['w13']]);
  });

  it('with the scales of ranks begin anew at whole blocks', () => {
    // 2 ranks of 96 channels are whole blocks; 4 ranks of 48 begin at 0, 48, 96, 144.
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, hidden: 64, inter: 192 }, data: 'one-hot' });
    const { y } = definitionOf(call.op).reference(call.params, call.operands);
    expect(waysOf(byId(ALL, 'moe-scale-floor-shift'), call)).toEqual(['TP 4', 'TP 8']);
    const { compute } = mistaken(byId(ALL, 'moe-scale-floor-shift'), call, 'TP 4');
    const whole = { rowCount: 2, rows: [0, 1], columnCount: 64, columns: [] };
    // Tokens pick channels 0 and 1, of the first rank, whose first block is right.
    expect(compute?.(call, whole)['y']?.bytes).toEqual(y?.bytes);
  });

  it('transpose the scales of each expert', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, hidden: 64, inter: 64 }, layout: 'plain' });
    const given = toRowMajor(operand(call, 'w2_scale')).bytes;
    const moved = mistaken(byId(ALL, 'moe-scale-transposed'), call, 'w2');
    // Stored as two columns of 64 rows: the first row then holds rows 0 and 1 of column 0.
    expect([...toRowMajor(operand(moved, 'w2_scale')).bytes.subarray(0, 2)]).toEqual([given[0], given[2]]);
  });

  it('of blocks of 64 and of 16 take the scale of another block', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, hidden: 64 }, layout: 'plain' });
    const given = toRowMajor(operand(call, 'w2_scale')).bytes;
    const [wide, narrow] = ['w2, read in blocks of 64', 'w2, stored in blocks of 16'].map(
      (detail) => toRowMajor(operand(mistaken(byId(ALL, 'moe-scale-block-size'), call, detail), 'w2_scale')).bytes,
    );
    expect([...(wide ?? []).slice(0, 6)]).toEqual([0, 0, 1, 1, 4, 4].map((at) => given[at]));
    expect([...(narrow ?? []).slice(0, 6)]).toEqual([0, 0, 1, 1, 2, 2].map((at) => given[at]));
  });
});
