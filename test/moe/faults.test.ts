import { describe, expect, it } from 'vitest';
import { readAs } from '../../src/layout/mapping.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { describeW13, describeW13Scale } from '../../src/layout/w13.ts';
import { EXPERT_FAULTS, expertFault } from '../../src/moe/faults.ts';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { shuffleExperts } from '../../src/moe/shuffle.ts';
import { codeAt, smallLayer } from './support.ts';

const layer = smallLayer(4, 128, 64);
const MODES = ['separated', 'interleave'] as const;
const CASES = EXPERT_FAULTS.flatMap((fault) => MODES.map((mode) => [fault.id, mode, fault] as const));

describe.each(CASES)('%s, %s kernel', (id, mode, fault) => {
  const { claimed, honest } = fault.apply(layer, mode);
  const right = shuffleExperts(deinterleaveExperts(layer), mode, { align: 1 });

  it('looks to the kernel like the right weights, and is not', () => {
    for (const part of ['w13', 'w13_scale', 'w13_bias', 'w2', 'w2_scale', 'w2_bias'] as const) {
      expect(claimed[part]?.layout.equals(right[part]?.layout as never)).toBe(true);
      expect(claimed[part]?.bytes.length).toBe(right[part]?.bytes.length);
    }
    const differs = (['w13', 'w13_scale', 'w13_bias'] as const).filter(
      (part) => Buffer.compare(claimed[part]?.bytes as Uint8Array, right[part]?.bytes as Uint8Array) !== 0,
    );
    expect(differs.length).toBeGreaterThan(0);
    expect(Buffer.compare(claimed.w2.bytes, right.w2.bytes) === 0).toBe(id !== 'nibbles-swapped');
  });

  it('knows what the weight really is', () => {
    expect(honest.w13 === undefined ? undefined : describeW13(honest.w13.layout)).toBe(fault.becomes[mode]);
    if (honest.w13 === undefined) return;
    for (const coord of [
      [0, 0, 0],
      [3, 17, 40],
      [2, 127, 126],
    ])
      expect(codeAt(honest.w13, coord)).toBe(codeAt(layer.w13, coord));
  });

  it('starts from separated weights too', () =>
    expect(fault.apply(deinterleaveExperts(layer), mode).claimed.w13.bytes).toEqual(claimed.w13.bytes));

  if (id === 'deinterleave-forgotten' || id === 'deinterleaved-twice')
    it('moves the scales along', () =>
      expect(describeW13Scale(honest.w13_scale?.layout as never, 4)).toBe(fault.becomes[mode]));
});

describe('what the kernel reads', () => {
  it('is the layout composition of the two labels', () => {
    const { claimed, honest } = expertFault('deinterleave-forgotten').apply(layer, 'separated');
    const read = readAs(honest.w13?.layout as never, claimed.w13.layout);
    for (const coord of [
      [0, 1, 0],
      [1, 64, 33],
      [3, 127, 127],
    ]) {
      const source = read(coord) as readonly number[];
      expect(codeAt(claimed.w13, coord)).toBe(codeAt(layer.w13, source));
    }
    // Row 1, a gate row, is read from stored row 1: the first up row.
    expect(read([0, 1, 0])).toEqual([0, 64, 0]);
  });

  it('has the right scales only where asked: one part at a time is wrong', () => {
    const right = shuffleExperts(deinterleaveExperts(layer), 'separated', { align: 1 });
    const scales = expertFault('scale-not-deinterleaved').apply(layer, 'separated').claimed;
    expect(scales.w13.bytes).toEqual(right.w13.bytes);
    expect(scales.w13_bias?.bytes).toEqual(right.w13_bias?.bytes);
    const bias = expertFault('bias-not-deinterleaved').apply(layer, 'separated').claimed;
    expect(bias.w13_scale.bytes).toEqual(right.w13_scale.bytes);
    expect(bias.w13_bias?.bytes).toEqual(layer.w13_bias?.bytes);
  });

  it('shuffled twice is the shuffle of the shuffled bytes', () => {
    const right = shuffleExperts(deinterleaveExperts(layer), 'separated', { align: 1 });
    const { layout, bytes } = right.w13;
    expect(expertFault('shuffled-twice').apply(layer, 'separated').claimed.w13.bytes).toEqual(
      permute(bytes, rowMajor(layout.shape), layout, 4),
    );
  });
});

describe('errors', () => {
  it('names the faults', () =>
    expect(() => expertFault('x')).toThrow(
      'expertFault: parameter "id": is "x", expected one of deinterleave-forgotten, deinterleaved-twice, scale-not-deinterleaved, ' +
        'bias-not-deinterleaved, other-gate-mode, shuffle-dropped, shuffled-twice, nibbles-swapped.',
    ));
  it('starts from plain weights', () => {
    const shuffled = shuffleExperts(deinterleaveExperts(layer), 'separated', { align: 1 });
    expect(() => expertFault('nibbles-swapped').apply(shuffled, 'separated')).toThrow(
      'expertFault: w13 is L2, w2 is shuffled; faults start from L0 or L1 and a plain w2.',
    );
  });
});
