import { describe, expect, it } from 'vitest';
import { encode } from '../../src/formats/encode.ts';
import { elementReader, ulpDistance } from '../../src/golden/codes.ts';
import { compareTensors } from '../../src/golden/compare.ts';
import { dumpStatistics, smallestTolerance } from '../../src/golden/compare-dumps-statistics.ts';
import { defaultTolerance, narrowerFormat, ulpReader } from '../../src/golden/compare-tolerance.ts';
import { tensorFrom } from '../../src/tensor/make.ts';

const all = (): boolean => true;
const f32 = (values: readonly number[]) => tensorFrom('y', 'f32', [values.length], Float32Array.from(values));

/** Numbers of all magnitudes, by a fixed linear congruence. */
function bits(count: number): Uint32Array {
  let state = 12345;
  return Uint32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  });
}

describe('tolerances', () => {
  it('are those of torch.testing.assert_close for the narrower format', () => {
    expect(defaultTolerance('f64', 'f64')).toEqual({ rtol: 1e-7, atol: 1e-7 });
    expect(defaultTolerance('f32', 'f64')).toEqual({ rtol: 1.3e-6, atol: 1e-5 });
    expect(defaultTolerance('f16', 'f32')).toEqual({ rtol: 1e-3, atol: 1e-5 });
    expect(defaultTolerance('f16', 'bf16')).toEqual({ rtol: 1.6e-2, atol: 1e-5 });
    for (const type of ['e4m3fn', 'e5m2', 'e8m0', 'e2m1', 'i32', 'u8'] as const)
      expect(defaultTolerance(type, 'f32')).toEqual({ rtol: 0, atol: 0 });
    expect([narrowerFormat('f32', 'bf16'), narrowerFormat('i32', 'f32')]).toEqual(['bf16', undefined]);
  });

  it('decides as |a - b| <= atol + rtol |b| does, element by element', () => {
    const want = [...bits(4096)].map((word) => (word % 2001) / 1000 - 1);
    const got = want.map((value, index) => value + ((index % 7) - 3) * 0.004);
    const [a, b] = [f32(got), f32(want)];
    const failing: number[] = [];
    const tolerance = { rtol: 0.01, atol: 0.002 };
    compareTensors(a, { output: 'y', expected: b, compare: 'bound' }, tolerance, (offset) => failing.push(offset));
    const [x, y] = [elementReader(a), elementReader(b)];
    const naive = want
      .map((_, index) => index)
      .filter((i) => Math.abs(x.value(i) - y.value(i)) > 0.002 + 0.01 * Math.abs(y.value(i)));
    expect(failing).toEqual(naive);
    expect(failing.length).toBeGreaterThan(500);
  });
});

describe('ULPs between formats', () => {
  it('rounds float32 to bf16 as the encoder does, for every kind of bits', () => {
    const words = Uint32Array.of(
      ...bits(20000),
      0x7f7fffff,
      0xff7fffff,
      0x7f800000,
      0x80000000,
      1,
      0x3f808000,
      0x3f818000,
    );
    const wide = tensorFrom('y', 'f32', [words.length], words);
    const zero = tensorFrom('y', 'bf16', [words.length], new Uint16Array(words.length));
    const [a, b] = [elementReader(wide), elementReader(zero)];
    const read = ulpReader(wide, a, zero, b);
    for (let at = 0; at < words.length; at += 1) {
      const value = a.value(at);
      const expected = Number.isNaN(value) ? undefined : ulpDistance('bf16', encode('bf16', value), 0);
      expect([at, read(at)]).toEqual([at, expected]);
    }
  });

  it('counts nothing for NaN, infinities that the narrower format lacks, and e8m0 against others', () => {
    const wide = f32([Number.NaN, Number.POSITIVE_INFINITY, 1]);
    const fp8 = tensorFrom('y', 'e4m3fn', [3], Uint8Array.of(0x38, 0x38, 0x39));
    const read = ulpReader(wide, elementReader(wide), fp8, elementReader(fp8));
    expect([read(0), read(1), read(2)]).toEqual([undefined, undefined, 1]);
    const scale = tensorFrom('y', 'e8m0', [3], Uint8Array.of(127, 127, 127));
    expect(ulpReader(wide, elementReader(wide), scale, elementReader(scale))(2)).toBeUndefined();
  });
});

describe('statistics', () => {
  it('gives the distance that 99 of 100 elements keep', () => {
    const count = 1000;
    const want = new Uint32Array(count).fill(0x3f800000);
    const got = want.map((code, index) => code + (index < 10 ? 1_234_567 : index < 100 ? 7 : 0));
    const a = tensorFrom('y', 'f32', [count], got);
    const b = tensorFrom('y', 'f32', [count], want);
    const { statistics, sameCode } = dumpStatistics(a, b, all);
    expect([statistics.maxUlp, statistics.p99Ulp, sameCode]).toEqual([1_234_567, 7, 900]);
    const worse = got.map((code, index) => (index < 11 ? 0x3f800000 + 1_234_567 : code));
    // Above 65536 three digits are kept, rounded up, and never more than the largest.
    expect(dumpStatistics(tensorFrom('y', 'f32', [count], worse), b, all).statistics.p99Ulp).toBe(1_234_567);
  });

  it('is silent on empty tensors and on zeros', () => {
    const none = f32([]);
    expect(dumpStatistics(none, none, all).statistics).toMatchObject({
      maxUlp: null,
      p99Ulp: null,
      logitsDiff: 0,
      nmse: 0,
    });
    const zeros = f32([0, 0]);
    expect(dumpStatistics(f32([1, 0]), zeros, all).statistics).toMatchObject({ nmse: Infinity, snrDb: -Infinity });
    expect(smallestTolerance(f32([1, 0]), zeros, { rtol: 0, atol: 0 }, all)).toEqual({
      rtol: null,
      atol: 1,
      ulp: 0x3f800000,
    });
  });

  it('rounds the least tolerance up, so that it passes', () => {
    for (const word of bits(200)) {
      const want = 1 + (word % 997) / 997;
      const a = f32([want * (1 + (word % 89) / 300)]);
      const b = f32([want]);
      const { rtol, atol } = smallestTolerance(a, b, { rtol: 0, atol: 0 }, all);
      const passes = (tolerance: { readonly rtol: number; readonly atol: number }): boolean =>
        compareTensors(a, { output: 'y', expected: b, compare: 'bound' }, tolerance).passed;
      expect([passes({ rtol: rtol ?? 0, atol: 0 }), passes({ rtol: 0, atol: atol ?? 0 })]).toEqual([true, true]);
    }
  });
});
