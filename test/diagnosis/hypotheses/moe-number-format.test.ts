import { describe, expect, it } from 'vitest';
import { MOE_NUMBER_FORMAT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-number-format.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { byId, mistaken, moeCall, notNamed, operand, waysOf } from './moe-weights-support.ts';

const SIZES = { tokens: 2, experts: 2, topk: 2, hidden: 128, inter: 64 };

/** Scales 64 times as large, as far as they are not NaN: some are 2 and more then. */
function withLargeScales(call: KernelCall, names: readonly string[]): KernelCall {
  const raised = names.map((name) => {
    const given = operand(call, name);
    return [name, { ...given, bytes: given.bytes.map((byte) => (byte === 255 ? byte : byte + 6)) }] as const;
  });
  return { ...call, operands: { ...call.operands, ...Object.fromEntries(raised) } };
}

describe('mistakes with the bits of expert weights', () => {
  it('are named in the fused op', async () => {
    const call = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES, params: { activation: 'silu' } });
    const large = withLargeScales(call, ['w1_scale', 'w2_scale']);
    expect(await notNamed(large, MOE_NUMBER_FORMAT_HYPOTHESES)).toEqual([]);
  });

  it('are named in each stage', async () => {
    const stage1 = moeCall({ op: 'moe_stage1_mxfp4', sizes: { ...SIZES, inter: 96 }, layout: 'interleave' });
    expect(await notNamed(withLargeScales(stage1, ['w13_scale']), MOE_NUMBER_FORMAT_HYPOTHESES)).toEqual([]);
    const stage2 = moeCall({ op: 'moe_stage2_mxfp4', sizes: { ...SIZES, tokens: 3 }, layout: 'plain' });
    expect(await notNamed(withLargeScales(stage2, ['w2_scale']), MOE_NUMBER_FORMAT_HYPOTHESES)).toEqual([]);
  });

  it('happen to both weights or to one', () => {
    const fused = moeCall({ op: 'fused_moe_mxfp4', sizes: SIZES });
    const nibbles = byId(MOE_NUMBER_FORMAT_HYPOTHESES, 'moe-nibbles-swapped');
    expect(waysOf(nibbles, fused)).toEqual(['w13 and w2', 'w13', 'w2']);
    expect(waysOf(nibbles, moeCall({ op: 'moe_stage2_mxfp4', sizes: SIZES }))).toEqual(['w2']);
    const [given, swapped] = [operand(fused, 'w2'), operand(mistaken(nibbles, fused, 'w2'), 'w2')];
    const pair = given.bytes[5] ?? 0;
    expect(swapped.bytes[5]).toBe(((pair & 15) << 4) | (pair >> 4));
  });

  it('keep NaN scales and the ends of the range', () => {
    const call = moeCall({ op: 'moe_stage2_mxfp4', sizes: SIZES, layout: 'plain' });
    const given = operand(call, 'w2_scale');
    const bytes = given.bytes.slice();
    bytes.set([0, 254, 255, 128]);
    const extreme = { ...call, operands: { ...call.operands, w2_scale: { ...given, bytes } } };
    const first = (id: string, detail: string): readonly number[] =>
      [...operand(mistaken(byId(MOE_NUMBER_FORMAT_HYPOTHESES, id), extreme, detail), 'w2_scale').bytes].slice(0, 4);
    expect(first('moe-scale-bias-off', 'w2, times 2')).toEqual([1, 254, 255, 129]);
    expect(first('moe-scale-bias-off', 'w2, times 1/2')).toEqual([0, 253, 255, 127]);
    expect(first('moe-scale-bytes-signed', 'w2')).toEqual([0, 0, 255, 0]);
    expect(first('moe-scale-dropped', 'w2')).toEqual([127, 127, 127, 127]);
  });
});
