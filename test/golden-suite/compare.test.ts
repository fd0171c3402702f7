import { describe, expect, it } from 'vitest';
import { roundTo, ulpDistance } from '../../src/golden/codes.ts';
import { compareTensors } from '../../src/golden/compare.ts';
import { shuffleScale } from '../../src/layout/catalog.ts';
import { materialize, tensor, tensorFrom } from '../../src/tensor/make.ts';

const codes = (name: string, ...bytes: readonly number[]) =>
  tensorFrom(name, 'e4m3fn', [bytes.length], Uint8Array.from(bytes));

describe('exact comparison', () => {
  const expectation = (...bytes: readonly number[]) =>
    ({ output: 'y', expected: codes('y', ...bytes), compare: 'exact' }) as const;

  it('passes equal codes', () => {
    const result = compareTensors(codes('y', 1, 2, 3), expectation(1, 2, 3));
    expect(result.passed).toBe(true);
    expect(result.metrics).toEqual({
      elements: 3,
      mismatches: 0,
      equal: 1,
      maxAbs: 0,
      maxRel: 0,
      maxUlp: 0,
      cosine: 1,
      boundUsed: null,
    });
  });

  it('takes NaN codes by class, and nothing else', () => {
    expect(compareTensors(codes('y', 0x7f), expectation(0xff)).passed).toBe(true);
    expect(compareTensors(codes('y', 0x7e), expectation(0xff)).passed).toBe(false);
    expect(compareTensors(codes('y', 0x80), expectation(0x00)).passed).toBe(false);
  });

  it('names the first difference and measures all', () => {
    const result = compareTensors(codes('y', 0x38, 0x39, 0xb8), expectation(0x38, 0x38, 0x38));
    expect(result.first).toEqual({
      coord: [1],
      offset: 1,
      byte: 1,
      expected: { code: '0x38', value: 1 },
      actual: { code: '0x39', value: 1.125 },
    });
    expect(result.metrics).toMatchObject({ elements: 3, mismatches: 2, maxAbs: 2, maxRel: 2, maxUlp: 112 });
    expect(result.metrics.equal).toBeCloseTo(1 / 3);
    expect(result.metrics.cosine).toBeCloseTo((1 + 1.125 - 1) / Math.sqrt(3 * (1 + 1.125 ** 2 + 1)));
  });

  it('leaves out padding and masked bytes, and compares padding on request', () => {
    const layout = shuffleScale([3, 5]);
    const zeros = materialize({ name: 's', type: 'e8m0', layout });
    const noisy = tensor('s', 'e8m0', layout, new Uint8Array(2048).fill(9));
    for (let m = 0; m < 3; m += 1) for (let g = 0; g < 5; g += 1) noisy.bytes[layout.offset([m, g])] = 0;
    expect(compareTensors(noisy, { output: 'y', expected: zeros, compare: 'exact' }).metrics).toMatchObject({
      elements: 15,
      mismatches: 0,
    });
    const strict = compareTensors(noisy, { output: 'y', expected: zeros, compare: 'exact', padding: true });
    expect(strict.metrics).toMatchObject({ elements: 2048, mismatches: 2033 });
    expect(strict.first?.coord).toBeUndefined();
    const mask = Uint8Array.of(1, 0, 1);
    expect(compareTensors(codes('y', 1, 9, 3), { ...expectation(1, 2, 3), mask }).metrics).toMatchObject({
      elements: 2,
      mismatches: 0,
    });
  });

  it('reads fp4 by nibble', () => {
    const fp4 = (byte: number) => tensorFrom('w', 'e2m1', [1, 2], Uint8Array.of(byte));
    const result = compareTensors(fp4(0x21), { output: 'y', expected: fp4(0x31), compare: 'exact' });
    expect(result.first).toMatchObject({
      coord: [0, 1],
      offset: 1,
      byte: 0,
      expected: { code: '0x3', value: 1.5 },
      actual: { code: '0x2', value: 1 },
    });
  });
});

describe('comparison by bound', () => {
  const bf16 = (...values: readonly number[]) => tensorFrom('y', 'bf16', [values.length], Uint16Array.from(values));
  const bound = (exact: number, error: number) => ({ exact: Float64Array.of(exact), error: Float64Array.of(error) });
  const ulp = 2 ** -7;
  const one = 0x3f80;

  it('admits one code only, away from a tie', () => {
    const check = (code: number) =>
      compareTensors(bf16(code), { output: 'y', expected: bf16(one), compare: 'bound' }, bound(1.001, 1e-4));
    expect(check(one).passed).toBe(true);
    expect(check(one + 1).passed).toBe(false);
    expect(check(one + 1).first?.allowed).toEqual([1, 1]);
  });

  it('admits both neighbours where the exact value lies within the error of a tie', () => {
    const near = bound(1 + ulp / 2 + 1e-5, 1e-4);
    for (const code of [one, one + 1])
      expect(compareTensors(bf16(code), { output: 'y', expected: bf16(one), compare: 'bound' }, near).passed).toBe(
        true,
      );
    expect(compareTensors(bf16(one + 2), { output: 'y', expected: bf16(one), compare: 'bound' }, near).passed).toBe(
      false,
    );
  });

  it('blames a golden value that lies outside', () => {
    const result = compareTensors(
      bf16(one),
      { output: 'y', expected: bf16(one + 1), compare: 'bound' },
      bound(1.001, 1e-4),
    );
    expect(result.passed).toBe(false);
    expect(result.first).toMatchObject({ goldenOutsideBound: true });
  });

  it('rounds toward zero when the kernel truncates', () => {
    const truncated = { ...bound(1 + ulp * 0.9, 1e-5), rounding: 'truncate' as const };
    expect(compareTensors(bf16(one), { output: 'y', expected: bf16(one), compare: 'bound' }, truncated).passed).toBe(
      true,
    );
    expect(
      compareTensors(bf16(one + 1), { output: 'y', expected: bf16(one), compare: 'bound' }, truncated).passed,
    ).toBe(false);
  });

  it('holds a float64 golden value to 2^-16 of the float32 error', () => {
    const golden = (value: number) =>
      ({ output: 'y', expected: tensorFrom('y_f64', 'f64', [1], Float64Array.of(value)), compare: 'bound' }) as const;
    expect(compareTensors(bf16(one), golden(1 + 1e-10), bound(1, 1e-5)).passed).toBe(true);
    expect(compareTensors(bf16(one), golden(1 + 1e-9), bound(1, 1e-5)).passed).toBe(false);
  });

  it('neither loses nor invents NaN and infinity', () => {
    const against = (code: number, exact: number) =>
      compareTensors(bf16(code), { output: 'y', expected: bf16(code), compare: 'bound' }, bound(exact, 0)).passed;
    expect(against(0x7fc0, Number.NaN)).toBe(true);
    expect(against(one, Number.NaN)).toBe(false);
    expect(against(0x7fc0, 1)).toBe(false);
    expect(against(0x7f80, Number.POSITIVE_INFINITY)).toBe(true);
    expect(against(0x7f80, 3.4e38)).toBe(true);
    expect(against(0x7f7f, Number.POSITIVE_INFINITY)).toBe(false);
  });

  it('promises nothing where the error is infinite', () => {
    for (const [got, want] of [
      [0x7fc0, one],
      [one, 0x7fc0],
      [0xff80, one],
    ] as const) {
      const { passed, metrics } = compareTensors(
        bf16(got),
        { output: 'y', expected: bf16(want), compare: 'bound' },
        bound(1, Number.POSITIVE_INFINITY),
      );
      expect([passed, metrics.boundUsed]).toEqual([true, 0]);
    }
  });

  it('says how much of the bound was used', () => {
    const share = (code: number, exact: number, error: number) =>
      compareTensors(bf16(code), { output: 'y', expected: bf16(one), compare: 'bound' }, bound(exact, error)).metrics
        .boundUsed;
    // The correctly rounded value needs nothing, wherever the exact value lies in its interval.
    expect(share(one, 1 + ulp / 4, 1e-3)).toBe(0);
    // The exact value is 0.0001 above the tie: a quarter of an error of 0.0004 reaches down to it.
    expect(share(one, 1 + ulp / 2 + 1e-4, 4e-4)).toBeCloseTo(0.25, 3);
    expect(share(one + 2, 1, 1e-4)).toBeCloseTo((2 * ulp) / 1e-4, 6);
  });
});

it('rounds interval ends', () => {
  expect(roundTo('e4m3fn', 1e9)).toBe(448);
  expect(roundTo('f16', 70000)).toBe(Number.POSITIVE_INFINITY);
  expect(roundTo('f32', 1 + 2 ** -30)).toBe(1);
  expect(roundTo('bf16', -(1 + 2 ** -7 * 0.99), 'truncate')).toBe(-1);
  // Float32 rounding first would carry over the bf16 boundary.
  expect(roundTo('bf16', 1 + 2 ** -7 - 2 ** -40, 'truncate')).toBe(1);
  expect(() => roundTo('f16', 1, 'truncate')).toThrow('truncation is defined for bf16 results only, not for f16');
});

it('counts representable values between codes', () => {
  expect(ulpDistance('e4m3fn', 0x38, 0x3a)).toBe(2);
  expect(ulpDistance('e4m3fn', 0x00, 0x80)).toBe(0);
  expect(ulpDistance('e4m3fn', 0x01, 0x81)).toBe(2);
  expect(ulpDistance('e8m0', 120, 127)).toBe(7);
  expect(ulpDistance('e4m3fn', 0x7f, 0x38)).toBeUndefined();
  expect(ulpDistance('u8', 1, 2)).toBeUndefined();
});
