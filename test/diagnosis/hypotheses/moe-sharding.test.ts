import { describe, expect, it } from 'vitest';
import { MOE_BIAS_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-bias.ts';
import { MOE_EXPERT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-experts.ts';
import { MOE_SHARDING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-sharding.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { storedIn, toRowMajor } from '../../../src/tensor/relayout.ts';
import { asF32, asI32 } from '../../../src/tensor/views.ts';
import { byId, mistaken, moeCall, notNamed, operand, rowsOf, waysOf } from './moe-weights-support.ts';

const SIZES = { tokens: 2, experts: 2, topk: 2, hidden: 128, inter: 64 };
const ALL = [...MOE_SHARDING_HYPOTHESES, ...MOE_EXPERT_HYPOTHESES, ...MOE_BIAS_HYPOTHESES];

const isZero = (row: string | undefined): boolean => /^0+$/.test(row ?? 'missing');

/** The first `count` gate and up rows kept, the others zero, as in padded weights. */
function padded(call: KernelCall, count: number): KernelCall {
  const given = operand(call, 'w13');
  const plain = toRowMajor(given);
  const [experts = 1, rows = 1] = given.layout.shape;
  const width = plain.bytes.length / (experts * rows);
  const bytes = plain.bytes.map((byte, at) => (Math.floor(at / width) % (rows / 2) < count ? byte : 0));
  return { ...call, operands: { ...call.operands, w13: storedIn({ ...plain, bytes }, given.layout) } };
}

describe('mistakes with shards, experts and biases', () => {
  it('are named in the fused op', async () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES, params: { activation: 'silu' }, layout: 'separated' });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('are named in stage 1', async () => {
    const sizes = { ...SIZES, tokens: 5, experts: 4, hidden: 256, inter: 96 };
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes, layout: 'interleave', data: 'random' });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('are named in stage 2', async () => {
    const sizes = { ...SIZES, tokens: 5, experts: 4, hidden: 96, inter: 160 };
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes, layout: 'plain', params: { scheme: 'a8w4' } });
    expect(await notNamed(call, ALL)).toEqual([]);
  });

  it('need a bias, other experts or other sizes to happen', () => {
    const call = moeCall({
      op: 'fused_moe_mxfp4',
      sizes: { ...SIZES, experts: 1, topk: 1, inter: 32 },
      bias: false,
      layout: 'plain',
    });
    const happen = ALL.filter((hypothesis) => waysOf(hypothesis, call).length > 0).map(({ id }) => id);
    expect(happen).toEqual(['moe-stale-hidden-pad']);
  });

  it('leave out the last channels of a stale pad', () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: { ...SIZES, inter: 256 }, layout: 'plain' });
    const stale = byId(ALL, 'moe-stale-pad');
    const exact = mistaken(stale, call, '96 channels');
    const gateUp = rowsOf(operand(exact, 'w1'), 1);
    expect([159, 160, 255, 256, 415, 416].map((row) => isZero(gateUp[row]))).toEqual([
      false,
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(rowsOf(operand(exact, 'w2'), 1)[3]?.slice(160)).toMatch(/^0+$/);
    const rounded = mistaken(stale, call, '96 channels, which CK-Tile takes as 64 rows and 0 columns');
    expect([191, 192].map((row) => isZero(rowsOf(operand(rounded, 'w1'), 1)[row]))).toEqual([false, true]);
    expect(rounded.operands['w1_bias']).toBe(call.operands['w1_bias']);
    expect(rowsOf(operand(rounded, 'w2'), 1)).toEqual(rowsOf(operand(call, 'w2'), 1));
  });

  it('find the unpadded I in the weights, or guess it', () => {
    const call = moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...SIZES, inter: 128 }, layout: 'separated' });
    const upOffset = byId(ALL, 'moe-up-offset-unpadded');
    expect(waysOf(upOffset, call)).toEqual([96, 64, 32].map((offset) => `up rows from ${offset} on`));
    const real = padded(call, 90);
    expect(waysOf(upOffset, real)).toEqual(['up rows from 90 on']);
    const given = rowsOf(operand(real, 'w13'), 0);
    const moved = rowsOf(operand(mistaken(upOffset, real, 'up rows from 90 on'), 'w13'), 0);
    expect(moved.slice(88, 92)).toEqual([given[88], given[89], given[128], given[129]]);
    expect(moved[128]).toBe(given[128 + 38]);
    expect(isZero(moved[180])).toBe(true);
  });

  it('send tokens to the experts whose weights lie in the place of theirs', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, experts: 4 } });
    const ids = asI32(operand(call, 'topk_ids'));
    const moved = (id: string, detail: string): readonly number[] => [
      ...asI32(operand(mistaken(byId(ALL, id), call, detail), 'topk_ids')),
    ];
    expect(moved('moe-experts-of-other-rank', 'experts are 2 further')).toEqual([...ids].map((id) => (id + 2) % 4));
    expect(moved('moe-expert-ids-not-local', 'ids -2')).toEqual([...ids].map((id) => (id < 2 ? -1 : id - 2)));
    expect(moved('moe-expert-stale', 'expert 1 has those of expert 0')).toEqual(
      [...ids].map((id) => (id === 1 ? 0 : id)),
    );
  });

  it('change biases and nothing else', () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES });
    const given = asF32(operand(call, 'w2_bias'));
    const bias = (id: string, detail: string): Float32Array => {
      const { operands } = mistaken(byId(ALL, id), call, detail);
      expect(Object.keys(operands).filter((name) => operands[name] !== call.operands[name])).toEqual(['w2_bias']);
      return asF32(operand({ ...call, operands }, 'w2_bias'));
    };
    expect(bias('moe-bias-dropped', 'w2').every((value) => value === 0)).toBe(true);
    expect(bias('moe-w2-bias-every-rank', '4 times')[7]).toBe(4 * (given[7] ?? 0));
    expect(bias('moe-bias-wrong-expert', 'w2, of the next expert')[3]).toBe(given[128 + 3]);
    expect(bias('moe-bias-wrong-expert', 'w2, of expert 0')[128 + 3]).toBe(given[3]);
  });
});
