import { describe, expect, it } from 'vitest';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { prepareRank, rankChannels, shardExperts } from '../../src/moe/shard.ts';
import { SHARD_HYPOTHESES, shardHypothesis } from '../../src/moe/shard-hypotheses.ts';
import { shuffleExperts } from '../../src/moe/shuffle.ts';
import { comparePads, measureZeroTails } from '../../src/moe/zero-tail.ts';
import { codeAt, smallLayer } from './support.ts';

const [H, I] = [64, 192];
const layer = smallLayer(2, H, I);

describe('rankChannels', () => {
  it.each([
    [2, 1, 'exact', 1440, 1440],
    [4, 0, 'blocks', 0, 736],
    [4, 3, 'blocks', 2208, 672],
    [8, 3, 'blocks', 1152, 384],
    [8, 7, 'blocks', 2688, 192],
  ] as const)('of I = 2880 at TP %d, rank %d, %s', (tp, rank, split, start, count) =>
    expect(rankChannels(2880, { tp, rank, split })).toEqual({ start, count }),
  );

  it('refuses to cut a scale block', () =>
    expect(() => rankChannels(2880, { tp: 8, rank: 1 })).toThrow(
      'shardExperts: parameter "split": is "exact", but I / tp = 2880 / 8 = 360 is no multiple of 32: a rank would begin inside a block ' +
        'of 32 elements that share a scale. Use split "blocks" (whole blocks, 384 channels a rank).',
    ));
  it.each([
    [{ tp: 0, rank: 0 }, 'parameter "tp": is 0, expected a positive integer.'],
    [{ tp: 2, rank: 2 }, 'parameter "rank": is 2, expected 0..1 (tp = 2).'],
    [{ tp: 2, rank: 0, split: 'rows' as never }, 'parameter "split": is "rows", expected "exact" or "blocks".'],
    [
      { tp: 8, rank: 7, split: 'blocks' as const },
      'parameter "tp": is 8: with 32 channels a rank, rank 7 would have none of the 192. Use fewer ranks.',
    ],
  ])('refuses %j', (options, message) => expect(() => rankChannels(I, options)).toThrow(message));
});

describe('shardExperts', () => {
  it.each(['L0', 'L1'])('takes row pairs, columns and their scales from %s', (state) => {
    const source = state === 'L0' ? layer : deinterleaveExperts(layer);
    const [tp, rank] = [3, 1];
    const shard = shardExperts(source, { tp, rank });
    expect(shard.w13.layout.shape).toEqual([2, 128, H]);
    expect(shard.w2_scale.layout.shape).toEqual([2, H, 2]);
    for (const [gu, i, k] of [
      [0, 0, 0],
      [1, 0, 33],
      [0, 63, 63],
      [1, 63, 40],
    ] as const) {
      const [own, whole] = [gu * 64 + i, gu * I + rank * 64 + i];
      expect(codeAt(shard.w13, [1, own, k])).toBe(codeAt(layer.w13, [1, whole, k]));
      expect(codeAt(shard.w13_scale, [1, own, k >> 5])).toBe(codeAt(layer.w13_scale, [1, whole, k >> 5]));
      expect(codeAt(shard.w13_bias as never, [1, own])).toBe(codeAt(layer.w13_bias as never, [1, whole]));
      expect(codeAt(shard.w2, [1, k, i])).toBe(codeAt(layer.w2, [1, k, 64 + i]));
      expect(codeAt(shard.w2_scale, [1, k, i >> 5])).toBe(codeAt(layer.w2_scale, [1, k, 2 + (i >> 5)]));
    }
  });

  it('leaves the bias of w2 to rank 0', () => {
    expect(shardExperts(layer, { tp: 3, rank: 0 }).w2_bias?.bytes).toEqual(layer.w2_bias?.bytes);
    expect(shardExperts(layer, { tp: 3, rank: 2 }).w2_bias?.bytes.every((byte) => byte === 0)).toBe(true);
    const { w2_bias: _, w13_bias: __, ...plain } = layer;
    expect(Object.keys(shardExperts(plain, { tp: 3, rank: 1 }))).toEqual(['w13', 'w13_scale', 'w2', 'w2_scale']);
  });

  it('refuses shuffled weights', () =>
    expect(() =>
      shardExperts(shuffleExperts(deinterleaveExperts(layer), 'separated', { align: 1 }), { tp: 1, rank: 0 }),
    ).toThrow('shardExperts: w2 is shuffled. Pad and shard before the shuffle.'));
});

describe('prepareRank', () => {
  it.each([
    [4, 0, 64, 0],
    [4, 1, 64, 0],
    [4, 2, 64, 0],
  ])('TP %d rank %d declares the real pad', (tp, rank, count, extra) => {
    const { weights, declared, channels } = prepareRank(layer, { tp, rank, align: 128 });
    expect(channels.count).toBe(count);
    const tails = measureZeroTails(weights);
    expect(tails.w13Channels).toBe(declared.intermediatePad + extra);
    expect(comparePads(declared, tails).every(({ verdict }) => verdict === 'exact')).toBe(true);
  });

  it('gives GPT-OSS ranks one size, the last with more padding', () => {
    const wide = smallLayer(1, 32, 2880);
    const last = prepareRank(wide, { tp: 8, rank: 7 });
    expect(last.weights.w13.layout.shape).toEqual([1, 1024, 256]);
    expect(last.declared).toEqual({ intermediatePad: 320, hiddenPad: 224 });
    expect(prepareRank(wide, { tp: 8, rank: 0 }).declared.intermediatePad).toBe(128);
  });
});

describe('wrong ways by name', () => {
  const wide = smallLayer(1, 32, 2880);

  it.each([
    [1, 8, 11],
    [2, 16, 22],
    [3, 24, 33],
    [4, 0, 45],
  ])('elementwise-scale-floor: rank %d reads shifted exponents', (rank, shift, firstScale) => {
    const { weights, channels } = shardHypothesis('elementwise-scale-floor').prepare(wide, { tp: 8, rank });
    expect(channels).toEqual({ start: 360 * rank, count: 360 });
    let wrong = 0;
    // The last channels have no scale, or the right one; the loss inside counts.
    for (let i = 0; i < 352; i += 1) {
      expect(codeAt(weights.w2, [0, 7, i])).toBe(codeAt(wide.w2, [0, 7, 360 * rank + i]));
      const read = codeAt(weights.w2_scale, [0, 7, i >> 5]);
      expect(read).toBe(codeAt(wide.w2_scale, [0, 7, firstScale + (i >> 5)]));
      if (read !== codeAt(wide.w2_scale, [0, 7, (360 * rank + i) >> 5])) wrong += 1;
    }
    expect(wrong / 352).toBe(shift / 32);
    expect(codeAt(weights.w2_scale, [0, 7, 11])).toBe(rank === 3 ? codeAt(wide.w2_scale, [0, 7, 44]) : 0);
  });

  it('blocks-declared-pad declares 152 where 128 and 320 are zero', () => {
    const { prepare } = shardHypothesis('blocks-declared-pad');
    for (const [rank, zeros] of [
      [0, 128],
      [7, 320],
    ] as const) {
      const { weights, declared } = prepare(wide, { tp: 8, rank });
      expect(declared.intermediatePad).toBe(152);
      const tails = measureZeroTails(weights);
      expect(tails.w2Channels).toBe(zeros);
      expect(comparePads(declared, tails).some(({ verdict }) => verdict === 'loses-data')).toBe(false);
    }
  });

  it('stale-intermediate-pad loses channels', () => {
    const { weights, declared } = shardHypothesis('stale-intermediate-pad').prepare(wide, { tp: 8, rank: 0 });
    expect(declared.intermediatePad).toBe(192);
    const [w13, w2] = comparePads(declared, measureZeroTails(weights));
    expect([w13?.lost, w2?.lost]).toEqual([64, 0]);
  });

  it('w2-bias-every-rank keeps the bias', () => {
    const { weights } = shardHypothesis('w2-bias-every-rank').prepare(layer, { tp: 3, rank: 2, align: 64 });
    expect(weights.w2_bias?.bytes).toEqual(layer.w2_bias?.bytes);
  });

  it('up-offset-unpadded stores up rows behind the gate rows', () => {
    const options = { tp: 1, rank: 0, align: 256 };
    const right = deinterleaveExperts(prepareRank(layer, options).weights);
    for (const source of [layer, deinterleaveExperts(layer)]) {
      const { weights } = shardHypothesis('up-offset-unpadded').prepare(source, options);
      expect(codeAt(weights.w13, [1, I, 5])).toBe(codeAt(right.w13, [1, 256, 5]));
      expect(codeAt(weights.w13_scale, [1, 2 * I - 1, 1])).toBe(codeAt(right.w13_scale, [1, 256 + I - 1, 1]));
      expect(codeAt(weights.w13_bias as never, [0, I + 3])).toBe(codeAt(right.w13_bias as never, [0, 256 + 3]));
      expect(codeAt(weights.w13, [1, 256 + I - 1, 5])).toBe(0);
    }
  });

  it('are found by id', () => {
    expect(SHARD_HYPOTHESES.map(({ id }) => id)).toHaveLength(5);
    expect(() => shardHypothesis('x')).toThrow(
      'shardHypothesis: parameter "id": is "x", expected one of elementwise-scale-floor, blocks-declared-pad, stale-intermediate-pad, ' +
        'w2-bias-every-rank, up-offset-unpadded.',
    );
    const { prepare } = shardHypothesis('elementwise-scale-floor');
    expect(() => prepare(layer, { tp: 2, rank: 2 })).toThrow('parameter "rank": is 2, expected 0..1 (tp = 2).');
    expect(() => prepare(layer, { tp: 64, rank: 2 })).toThrow(
      'is 64: I / tp = 3 is odd, and a byte of w2 holds two channels.',
    );
  });
});
