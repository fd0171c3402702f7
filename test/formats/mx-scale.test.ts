import { describe, expect, it } from 'vitest';
import { f32Bits, f32FromBits } from '../../src/formats/f32.ts';
import { formatFacts } from '../../src/formats/facts.ts';
import {
  ceilToUe8m0,
  e8m0ToF32,
  MX_ELEMENTS,
  MX_SCALE_MODES,
  type MxElement,
  type MxScaleMode,
  mxScaleByte,
  packUe8m0,
  unpackUe8m0,
} from '../../src/formats/mx-scale.ts';

const f = Math.fround;

describe('mxScaleByte', () => {
  // amax: e2m1 RoundUp, Even, RoundDown, Ceil; e4m3fn RoundUp, Even, RoundDown, Ceil (AITER f32_to_mx_e8m0_scale).
  it.each([
    [1, [125, 125, 125, 125], [119, 119, 119, 119]],
    [1.25, [125, 125, 125, 126], [119, 119, 119, 120]],
    [1.5, [125, 125, 125, 126], [119, 119, 119, 120]],
    [f(1.5000001), [126, 125, 125, 126], [119, 119, 119, 120]],
    [1.75, [126, 126, 125, 126], [119, 119, 119, 120]],
    [1.875, [126, 126, 125, 126], [120, 119, 119, 120]],
    [1.9375, [126, 126, 125, 126], [120, 120, 119, 120]],
    [2, [126, 126, 126, 126], [120, 120, 120, 120]],
    [6, [127, 127, 127, 128], [121, 121, 121, 122]],
    [6.5, [128, 127, 127, 128], [121, 121, 121, 122]],
    [7.5, [128, 128, 127, 128], [122, 121, 121, 122]],
    [1e-10, [92, 91, 91, 92], [85, 85, 85, 86]],
    [0, [0, 0, 0, 0], [0, 0, 0, 0]],
    [Infinity, [255, 255, 255, 255], [255, 255, 255, 255]],
    [Number.NaN, [255, 255, 255, 255], [255, 255, 255, 255]],
  ] as const)('amax %d', (amax, fp4, fp8) => {
    const modes = ['RoundUp', 'Even', 'RoundDown', 'Ceil'] as const;
    expect(modes.map((mode) => mxScaleByte(amax, 'e2m1', mode))).toEqual(fp4);
    expect(modes.map((mode) => mxScaleByte(amax, 'e4m3fn', mode))).toEqual(fp8);
    expect(modes.map((mode) => mxScaleByte(-amax, 'e2m1', mode))).toEqual(fp4);
  });

  it.each(MX_ELEMENTS)('%s RoundUp never saturates and wastes less than a factor of two', (element) => {
    const { max } = formatFacts(element);
    const wrong: number[] = [];
    for (let upper = 0x0800; upper < 0x7f80; upper += 1) {
      for (const lower of [0, 1, 0x8000, 0xffff]) {
        const amax = f32FromBits((upper << 16) | lower);
        const scale = 2 ** (mxScaleByte(amax, element, 'RoundUp') - 127);
        if (!(amax <= scale * max && amax * 2 > scale * max * (1 - 2 ** -22))) wrong.push(amax);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(MX_ELEMENTS)(
    '%s RoundUp: division and multiplication by the float32 reciprocal give the same byte',
    (element) => {
      const reciprocal = f(1 / formatFacts(element).max);
      const ceilPow2 = (bits: number): number => (bits >>> 23) + ((bits & 0x7fffff) === 0 ? 0 : 1);
      let wrong = 0;
      for (const exponent of [9, 127, 254]) {
        for (let mantissa = 0; mantissa < 1 << 23; mantissa += 37) {
          const amax = f32FromBits((exponent << 23) | mantissa);
          if (mxScaleByte(amax, element, 'RoundUp') !== ceilPow2(f32Bits(f(amax * reciprocal)))) wrong += 1;
        }
      }
      // Where the two quotients differ most matters most: around max times a power of two.
      const base = f32Bits(formatFacts(element).max);
      for (let bits = base - 1000; bits <= base + 1000; bits += 1) {
        const amax = f32FromBits(bits);
        if (mxScaleByte(amax, element, 'RoundUp') !== ceilPow2(f32Bits(f(amax * reciprocal)))) wrong += 1;
      }
      expect(wrong).toBe(0);
    },
  );

  it('refuses unknown elements and modes', () => {
    expect(() => mxScaleByte(1, 'e5m2' as MxElement, 'Even')).toThrow(
      'mxScaleByte: parameter "element": is "e5m2", expected one of e2m1, e4m3fn, e4m3fnuz.',
    );
    expect(() => mxScaleByte(1, 'e2m1', 'even' as MxScaleMode)).toThrow(
      'mxScaleByte: parameter "mode": is "even", expected one of RoundDown, RoundUp, Even, Ceil.',
    );
    expect(MX_SCALE_MODES).toHaveLength(4);
  });
});

describe('ceilToUe8m0', () => {
  it.each([
    [1, 1],
    [f(1.0000001), 2],
    [-3, 4],
    [0.25, 0.25],
    [0, 2 ** -126],
    [2 ** -149, 2 ** -126],
    [2 ** 127, 2 ** 127],
    [f(3e38), 2 ** 127],
    [Infinity, 2 ** 127],
    [Number.NaN, 2 ** 127],
    [f(1e-4 / 448), 2 ** -22],
  ])('%d -> %d', (x, y) => {
    expect(ceilToUe8m0(x)).toBe(y);
  });

  it('is the smallest power of two not below x, over every exponent', () => {
    for (let exponent = 1; exponent < 254; exponent += 1) {
      const power = 2 ** (exponent - 127);
      expect(ceilToUe8m0(power)).toBe(power);
      expect(ceilToUe8m0(power * (1 + 2 ** -23))).toBe(2 * power);
      expect(ceilToUe8m0(power * (2 - 2 ** -23))).toBe(2 * power);
    }
  });
});

describe('e8m0ToF32', () => {
  it('is 2^(byte - 127), with NaN at the end and no zero', () => {
    for (let byte = 0; byte < 255; byte += 1) expect(e8m0ToF32(byte)).toBe(2 ** (byte - 127));
    expect(e8m0ToF32(255)).toBeNaN();
    expect(f32Bits(e8m0ToF32(0))).toBe(0x00400000);
    expect(() => e8m0ToF32(256)).toThrow('parameter "code": is 256, expected an integer 0..255 for e8m0.');
  });
});

describe('packUe8m0', () => {
  it('puts the first scale in the lowest byte', () => {
    expect(
      [...packUe8m0(Float32Array.of(2 ** -7, 2 ** -6, 1, 2, 4, 0, 0, 0))].map((word) => (word >>> 0).toString(16)),
    ).toEqual(['807f7978', '81']);
    expect([...packUe8m0(Float32Array.of(1, 1, 1, 2 ** 127))]).toEqual([0xfe7f7f7f | 0]);
  });

  it('is undone by unpackUe8m0 for every exponent', () => {
    const scales = Float32Array.from({ length: 256 }, (_, exponent) => (exponent === 0 ? 0 : 2 ** (exponent - 127)));
    const all = scales.subarray(0, 252);
    expect(unpackUe8m0(packUe8m0(all))).toEqual(Float32Array.from(all));
    expect([...unpackUe8m0(Int32Array.of(0x00ff7f01))]).toEqual([2 ** -126, 1, Infinity, 0]);
  });

  it('refuses scales that are not powers of two', () => {
    expect(() => packUe8m0(Float32Array.of(1, 1, f(0.01), 1))).toThrow(
      `packUe8m0: parameter "scales": has ${f(0.01)} at element 2, expected a positive power of two; apply ceilToUe8m0 first.`,
    );
    expect(() => packUe8m0(Float32Array.of(-1, 1, 1, 1))).toThrow(
      'has -1 at element 0, expected a positive power of two',
    );
    expect(() => packUe8m0(new Float32Array(6))).toThrow(
      'packUe8m0: parameter "scales": has 6 elements, expected a multiple of 4; pad with 0.',
    );
  });
});
