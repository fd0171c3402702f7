import { describe, expect, it } from 'vitest';
import { decode } from '../../src/formats/decode.ts';
import { roundedBytes } from '../../src/ops/shared/round-output.ts';

const bf16 = (value: number, rounding: 'nearest-even' | 'truncate'): number => {
  const bytes = roundedBytes(Float64Array.of(value), 'bf16', rounding);
  return bytes[0]! | (bytes[1]! << 8);
};

describe('roundedBytes', () => {
  it('truncates every bf16 interval toward zero, however near its far end a value lies', () => {
    for (let code = 0; code < 0x7f7f; code += 1) {
      const low = decode('bf16', code);
      const high = decode('bf16', code + 1);
      const nearHigh = high - (high - low) * 2 ** -40;
      for (const [sign, bit] of [
        [1, 0],
        [-1, 0x8000],
      ] as const) {
        const got = [low, (low + high) / 2, nearHigh].map((value) => bf16(sign * value, 'truncate'));
        if (got.some((result) => result !== (code | bit))) expect([code, sign, got]).toEqual([code, sign, code | bit]);
      }
    }
  });

  it('keeps signs of zero, infinities and NaN when it truncates', () => {
    expect(bf16(-0, 'truncate')).toBe(0x8000);
    expect(bf16(Number.POSITIVE_INFINITY, 'truncate')).toBe(0x7f80);
    expect(bf16(Number.NEGATIVE_INFINITY, 'truncate')).toBe(0xff80);
    expect(decode('bf16', bf16(Number.NaN, 'truncate'))).toBeNaN();
  });

  it('rounds once from float64: a value just above a tie goes up', () => {
    const tie = 1 + 2 ** -8;
    expect([tie, tie + 2 ** -40, tie - 2 ** -40].map((value) => bf16(value, 'nearest-even'))).toEqual([
      0x3f80, 0x3f81, 0x3f80,
    ]);
  });

  it('writes f16 and f32', () => {
    expect(Array.from(roundedBytes(Float64Array.of(1.5, -2), 'f16', 'nearest-even'))).toEqual([0x00, 0x3e, 0x00, 0xc0]);
    expect(Array.from(roundedBytes(Float64Array.of(1.5), 'f32', 'nearest-even'))).toEqual([0, 0, 0xc0, 0x3f]);
  });
});
