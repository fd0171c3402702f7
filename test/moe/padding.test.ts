import { describe, expect, it } from 'vitest';
import { gateUpInterleaved, rowMajor } from '../../src/layout/catalog.ts';
import { W13_STATES, w13Layout } from '../../src/layout/w13.ts';
import type { GateUpParts } from '../../src/moe/expert-weights.ts';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { withPadsLeftOut } from '../../src/moe/pad-effects.ts';
import { ckTilePads, moePadding, padDown, padExperts, padGateUp } from '../../src/moe/padding.ts';
import { shuffleExperts } from '../../src/moe/shuffle.ts';
import { comparePads, measureZeroTails } from '../../src/moe/zero-tail.ts';
import { tensor } from '../../src/tensor/make.ts';
import { storedIn } from '../../src/tensor/relayout.ts';
import { codeAt, smallLayer } from './support.ts';

describe('moePadding', () => {
  it.each([
    [1, 2880, 3072, 192],
    [2, 1440, 1536, 96],
    [4, 720, 768, 48],
    [8, 360, 512, 152],
  ])('GPT-OSS at TP %d', (tp, rankInter, paddedInter, intermediatePad) =>
    expect(moePadding({ hidden: 2880, inter: 2880, tp })).toEqual({
      tp,
      rankInter,
      paddedInter,
      intermediatePad,
      hidden: 2880,
      paddedHidden: 3072,
      hiddenPad: 192,
    }),
  );
  it('refuses a TP size that does not divide I', () =>
    expect(() => moePadding({ hidden: 2880, inter: 2880, tp: 7 })).toThrow(
      'moePadding: parameter "tp": is 7, which does not divide I = 2880 (2880 % 7 == 3). Choose a TP size that does.',
    ));
  it('refuses sizes that are none', () =>
    expect(() => moePadding({ hidden: 0, inter: 2880, tp: 1 })).toThrow(
      'moePadding: parameter "hidden": is 0, expected a positive integer.',
    ));
  it.each([
    [192, { stage1Rows: 384, stage1Columns: 128, stage2Rows: 192, stage2Columns: 128 }],
    [152, { stage1Rows: 256, stage1Columns: 128, stage2Rows: 192, stage2Columns: 128 }],
    [48, { stage1Rows: 0, stage1Columns: 128, stage2Rows: 192, stage2Columns: 0 }],
  ])('CK-Tile rounds intermediate_pad %d down', (intermediatePad, expected) =>
    expect(ckTilePads({ intermediatePad, hiddenPad: 192 })).toEqual(expected),
  );
});

describe('padExperts', () => {
  const layer = smallLayer();
  const target = { inter: 128, hidden: 256, scaleFill: 1 };

  it('pads interleaved rows at their end, separated rows in each half: both orders of steps agree', () => {
    const padFirst = deinterleaveExperts(padExperts(layer, target));
    const padLast = padExperts(deinterleaveExperts(layer), target);
    expect(padFirst.w13.bytes).toEqual(padLast.w13.bytes);
    expect(padFirst.w13_scale.bytes).toEqual(padLast.w13_scale.bytes);
    expect(padFirst.w13_bias?.bytes).toEqual(padLast.w13_bias?.bytes);
    const interleaved = padExperts(layer, target);
    expect(interleaved.w13.bytes.subarray(128 * 128, 256 * 128).every((byte) => byte === 0)).toBe(true);
    expect(padLast.w13.bytes.subarray(64 * 128, 128 * 128).every((byte) => byte === 0)).toBe(true);
  });

  it('keeps every value and fills the rest', () => {
    const padded = padExperts(layer, target);
    for (const [gu, i, k] of [
      [0, 0, 0],
      [1, 0, 1],
      [0, 63, 127],
      [1, 63, 64],
    ] as const) {
      const [from, to] = [gu * 64 + i, gu * 128 + i];
      expect(codeAt(padded.w13, [1, to, k])).toBe(codeAt(layer.w13, [1, from, k]));
      expect(codeAt(padded.w13_scale, [1, to, k >> 5])).toBe(codeAt(layer.w13_scale, [1, from, k >> 5]));
      expect(codeAt(padded.w13_bias as never, [1, to])).toBe(codeAt(layer.w13_bias as never, [1, from]));
      expect(codeAt(padded.w2, [1, k, i])).toBe(codeAt(layer.w2, [1, k, i]));
    }
    expect(codeAt(padded.w13_scale, [0, 64, 0])).toBe(1);
    expect(codeAt(padded.w13_scale, [0, 0, 4])).toBe(1);
    expect(codeAt(padded.w2_scale, [0, 128, 0])).toBe(1);
    expect(codeAt(padded.w2_bias as never, [1, 200])).toBe(0);
    expect(padExperts(layer, { inter: 128, hidden: 256 }).w13_scale.bytes.at(-1)).toBe(0);
  });

  it('refuses shuffled weights', () => {
    const shuffled = shuffleExperts(deinterleaveExperts(layer), 'separated', { align: 1 });
    expect(() => padGateUp(shuffled, target)).toThrow(
      'padGateUp: w13 is L2 (separated, shuffled for GateMode SEPARATED). Shard and pad before the shuffle: start again from L0 or L1.',
    );
    expect(() => padDown(shuffled, target)).toThrow('padDown: w2 is shuffled. Pad and shard before the shuffle.');
  });

  it('refuses smaller and odd targets and a NaN scale', () => {
    expect(() => padExperts(layer, { inter: 32, hidden: 256 })).toThrow(
      'padGateUp: parameter "inter": is 32, but the weights have 64; expected at least that, in multiples of 32.',
    );
    expect(() => padExperts(layer, { inter: 64, hidden: 130 })).toThrow('parameter "hidden": is 130');
    expect(() => padExperts(layer, { inter: 128, hidden: 256, scaleFill: 255 })).toThrow(
      'parameter "scaleFill": is 255, expected a byte 0..254: 0x00 (SGLang, ATOM) or 0x01 (SGLang with Quark). 255 is NaN, and NaN ' +
        'times 0 is NaN.',
    );
  });
});

describe('zero tails', () => {
  const padded = padExperts(smallLayer(), { inter: 128, hidden: 256 });
  const tails = { w13Channels: 64, w13Columns: 128, w2Channels: 64, w2Rows: 128 };
  const shuffled = shuffleExperts(deinterleaveExperts(padded), 'interleave', { align: 1 });

  it('are measured in any layout', () => {
    expect(measureZeroTails(padded)).toEqual(tails);
    expect(measureZeroTails(deinterleaveExperts(padded))).toEqual(tails);
    expect(measureZeroTails(shuffled)).toEqual(tails);
    expect(measureZeroTails(smallLayer())).toEqual({ w13Channels: 0, w13Columns: 0, w2Channels: 0, w2Rows: 0 });
  });

  it('count minus zero as zero', () => {
    const bytes = padded.w2.bytes.slice();
    bytes[63] = 0x80;
    expect(measureZeroTails({ ...padded, w2: { ...padded.w2, bytes } }).w2Channels).toBe(64);
    bytes[63] = 0x10;
    expect(measureZeroTails({ ...padded, w2: { ...padded.w2, bytes } }).w2Channels).toBe(0);
  });

  it('show what a declared pad does', () => {
    const [w13, w2, hidden] = comparePads({ intermediatePad: 130, hiddenPad: 128 }, tails);
    expect(w13).toEqual({
      pad: 'intermediate_pad',
      matrix: 'w13',
      declared: 130,
      measured: 64,
      leftOut: 128,
      lost: 64,
      verdict: 'loses-data',
      message:
        "intermediate_pad is declared 130; w13 ends in 64 zeros; CK-Tile leaves out 128, 64 of them real. Recompute the pad for this rank's sizes.",
    });
    expect(w2?.lost).toBe(64);
    expect(hidden?.verdict).toBe('exact');
    const [above] = comparePads({ intermediatePad: 100, hiddenPad: 128 }, tails);
    expect(above?.message).toBe(
      'intermediate_pad is declared 100; w13 ends in 64 zeros; CK-Tile leaves out 64: right there by rounding only. A kernel that ' +
        'takes the pad exactly would lose 36.',
    );
    const [below] = comparePads({ intermediatePad: 0, hiddenPad: 128 }, tails);
    expect(below?.verdict).toBe('harmless');
    expect(below?.message).toContain('64 zeros are multiplied for nothing.');
  });

  it('change nothing when the right pads are left out, and cut channels when stale ones are', () => {
    const separated = deinterleaveExperts(padded);
    const right = withPadsLeftOut(separated, { intermediatePad: 64, hiddenPad: 128 });
    expect(right.w13.bytes).toEqual(separated.w13.bytes);
    expect(right.w2.bytes).toEqual(separated.w2.bytes);
    const stale = withPadsLeftOut(separated, { intermediatePad: 128, hiddenPad: 128 });
    expect(measureZeroTails(stale)).toMatchObject({ w13Channels: 128, w2Channels: 128 });
    expect(() => withPadsLeftOut(shuffled, { intermediatePad: 64, hiddenPad: 128 })).toThrow(
      'withPadsLeftOut: w13 is L3, w2 is shuffled; expected L1 and plain. Call it before the shuffle.',
    );
  });
});

/** Runs of numbers, as `90-95, 186-191`; a step other than 1 is shown. */
function runs(numbers: readonly number[], step = 1): string {
  const found: string[] = [];
  let start = numbers[0];
  numbers.forEach((value, index) => {
    if (numbers[index + 1] === value + step) return;
    found.push(start === value ? `${value}` : `${start}-${value}`);
    start = numbers[index + 1];
  });
  return found.join(', ');
}

describe('which 16-row blocks of padded w13 are zero', () => {
  const K = 128;
  /** w13 of one expert with no zero code, in checkpoint order. */
  const filled = (inter: number): GateUpParts => ({
    w13: tensor('w13', 'e2m1', gateUpInterleaved([1, 2 * inter, K]), new Uint8Array(inter * K).fill(0x11)),
    w13_scale: tensor(
      'w13_scale',
      'e8m0',
      gateUpInterleaved([1, 2 * inter, K / 32]),
      new Uint8Array((2 * inter * K) / 32).fill(120),
      'e8m0',
    ),
  });
  const zeroBlocks = (inter: number, padded: number): Readonly<Record<string, readonly number[]>> => {
    const parts = padGateUp(filled(inter), { inter: padded, hidden: K });
    return Object.fromEntries(
      W13_STATES.filter(({ shuffle }) => shuffle !== 'none').map((state) => {
        const { bytes } = storedIn(parts.w13, w13Layout(state, parts.w13.layout.shape));
        const blocks = Array.from({ length: (2 * padded) / 16 }, (_, block) => block);
        const size = (16 * K) / 2;
        const isZero = (block: number): boolean =>
          bytes.subarray(block * size, (block + 1) * size).every((byte) => byte === 0);
        return [`${state.id} ${state.shuffle}`, blocks.filter(isZero)];
      }),
    );
  };

  it.each([
    [
      2880,
      3072,
      '180-191, 372-383',
      '360-383',
      '360-383',
      '337-383',
      '90-95, 186-191, 282-287, 378-383',
      '180-191, 372-383',
    ],
    [1440, 1536, '90-95, 186-191', '180-191', '180-191', '169-191', '45-47, 93-95, 141-143, 189-191', '90-95, 186-191'],
    [384, 512, '24-31, 56-63', '48-63', '48-63', '33-63', '12-15, 28-31, 44-47, 60-63', '24-31, 56-63'],
    [360, 512, '23-31, 55-63', '46-63', '45-63', '27-63', '12-15, 28-31, 44-47, 60-63', '24-31, 56-63'],
  ])('I = %d in %d', (inter, padded, l2, l3, l4, l5, l6Separated, l6Interleave) => {
    const found = zeroBlocks(inter, padded);
    expect(runs(found['L2 separated'] ?? [])).toBe(l2);
    expect(runs(found['L3 interleave'] ?? [])).toBe(l3);
    expect(runs(found['L4 separated'] ?? [])).toBe(l4);
    // Every odd block.
    expect(runs(found['L5 interleave'] ?? [], 2)).toBe(l5);
    expect(runs(found['L6 separated'] ?? [])).toBe(l6Separated);
    expect(runs(found['L6 interleave'] ?? [])).toBe(l6Interleave);
  });

  it('the bias tells L0 from L1: one run of zeros, or two', () => {
    const layer = padExperts(smallLayer(), { inter: 96, hidden: 128 });
    const zeros = (bytes: Uint8Array | undefined): string => {
      const values = new Float32Array((bytes as Uint8Array).slice().buffer).subarray(0, 192);
      const isPad = (row: number): boolean => values[row] === 0 && (values[row + 1] ?? 0) === 0;
      return runs(Array.from({ length: 191 }, (_, row) => row).filter(isPad));
    };
    expect(zeros(layer.w13_bias?.bytes)).toBe('128-190');
    expect(zeros(storedIn(layer.w13_bias as never, rowMajor([2, 192])).bytes)).toBe('64-94, 160-190');
  });
});
