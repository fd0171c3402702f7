import { describe, expect, it } from 'vitest';
import { describeW13, describeW13Scale } from '../../src/layout/w13.ts';
import { downFacts, expertFacts } from '../../src/moe/expert-weights.ts';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { shuffleExperts } from '../../src/moe/shuffle.ts';
import { codeAt, smallLayer } from './support.ts';

const layer = smallLayer();
const separated = deinterleaveExperts(layer);

describe('shuffleExperts', () => {
  it.each([
    ['separated', 'L2'],
    ['interleave', 'L3'],
  ] as const)('%s gives %s', (mode, id) => {
    const shuffled = shuffleExperts(separated, mode, { align: 1 });
    expect(describeW13(shuffled.w13.layout)).toBe(id);
    expect(describeW13Scale(shuffled.w13_scale.layout, 2)).toBe(id);
    expect(expertFacts('test', shuffled)).toMatchObject({ inter: 64, hidden: 128, w2Shuffled: true, state: { id } });
    expect(shuffled.w13_bias).toBe(separated.w13_bias);
    expect(shuffled.w2_bias).toBe(separated.w2_bias);
    for (const [e, n, k] of [
      [0, 0, 0],
      [1, 17, 40],
      [1, 127, 127],
    ] as const) {
      expect(codeAt(shuffled.w13, [e, n, k])).toBe(codeAt(layer.w13, [e, n, k]));
      expect(codeAt(shuffled.w13_scale, [e * 128 + n, k >> 5])).toBe(codeAt(layer.w13_scale, [e, n, k >> 5]));
      expect(codeAt(shuffled.w2, [e, n, k >> 1])).toBe(codeAt(layer.w2, [e, n, k >> 1]));
      expect(codeAt(shuffled.w2_scale, [e * 128 + n, k >> 6])).toBe(codeAt(layer.w2_scale, [e, n, k >> 6]));
    }
  });

  it('fills the padding of scales as told', () => {
    const padding = (fill?: number): number | undefined => {
      const options = fill === undefined ? { align: 1 } : { align: 1, scaleFill: fill };
      // Columns 4..7 of the padded 8 hold nothing: offset 2 is column 4 of row 0.
      return shuffleExperts(separated, 'separated', options).w13_scale.bytes[2];
    };
    expect(padding()).toBe(0x7f);
    expect(padding(0)).toBe(0);
  });

  it('refuses sizes that were not padded', () =>
    expect(() => shuffleExperts(separated, 'separated')).toThrow(
      'shuffleExperts: parameter "align": is 256, but I = 64 is no multiple of it. Pad with padExperts before the shuffle: padding a ' +
        'shuffled tensor, or shuffling an unpadded one, puts every row at the wrong place without an error.',
    ));

  it('refuses checkpoint order', () =>
    expect(() => shuffleExperts(layer, 'separated', { align: 1 })).toThrow(
      'shuffleExperts: w13 is L0 (checkpoint rows g0, u0, g1, u1, …). Call deinterleaveExperts first; the shuffle takes separated rows.',
    ));

  it('refuses a second shuffle', () => {
    const shuffled = shuffleExperts(separated, 'interleave', { align: 1 });
    expect(() => shuffleExperts(shuffled, 'separated', { align: 1 })).toThrow(
      'shuffleExperts: w13 is L3 (separated, shuffled for GateMode INTERLEAVE). Shuffling it again gives garbage without an error; ' +
        'the shuffle takes L1, plain separated rows.',
    );
    const { w13, w13_scale } = separated;
    expect(() => shuffleExperts({ ...shuffled, w13, w13_scale }, 'separated', { align: 1 })).toThrow('w2 is shuffled.');
  });

  it('refuses another mode', () =>
    expect(() => shuffleExperts(separated, 'gugu' as never, { align: 1 })).toThrow(
      'shuffleExperts: parameter "mode": is "gugu", expected "separated" or "interleave".',
    ));

  it('refuses w2 of which only the scales are shuffled', () => {
    const { w2_scale } = shuffleExperts(separated, 'separated', { align: 1 });
    expect(() => downFacts('test', { w2: separated.w2, w2_scale })).toThrow(
      'test: w2 is plain, w2_scale is shuffled: both must be plain or both shuffled.',
    );
  });

  it('refuses matrices that do not belong together', () => {
    const { w2, w2_scale } = smallLayer(3);
    expect(() => expertFacts('test', { ...layer, w2, w2_scale })).toThrow(
      'test: operand "w2": has shape [3, 128, 64], expected [2, 128, 64] (E, H, I of w13).',
    );
  });
});
