import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f32Bits, f32FromBits, fmaf32, nextDownF32, nextUpF32, ulpF32 } from '../../src/formats/f32.ts';
import { wordSource } from './support.ts';

/** value = significand * 2^exponent, exactly. */
function exact(x: number): { readonly m: bigint; readonly e: number } {
  const bits = f32Bits(x);
  const exponent = (bits >>> 23) & 255;
  const mantissa = exponent === 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000;
  return { m: BigInt(bits >>> 31 === 1 ? -mantissa : mantissa), e: Math.max(exponent, 1) - 150 };
}

/** Rounds m * 2^e to the nearest float32, ties to even, in integers. m is not 0. */
function roundExact(m: bigint, e: number): number {
  const magnitude = m < 0n ? -m : m;
  const unit = Math.max(magnitude.toString(2).length + e - 24, -149);
  const shift = unit - e;
  let units = shift <= 0 ? magnitude << BigInt(-shift) : magnitude >> BigInt(shift);
  if (shift > 0) {
    const rest = magnitude - (units << BigInt(shift));
    const half = 1n << BigInt(shift - 1);
    if (rest > half || (rest === half && units % 2n === 1n)) units += 1n;
  }
  const value = Math.fround(Number(units) * 2 ** unit);
  return m < 0n ? -value : value;
}

function fmaExact(a: number, b: number, c: number): number {
  const [x, y, z] = [exact(a), exact(b), exact(c)];
  const e = Math.min(x.e + y.e, z.e);
  const m = ((x.m * y.m) << BigInt(x.e + y.e - e)) + (z.m << BigInt(z.e - e));
  return m === 0n ? 0 : roundExact(m, e);
}

describe('fmaf32', () => {
  it('rounds once where the float64 sum falls on a float32 tie', () => {
    let plainWrong = 0;
    for (let k = 1; k < 300; k += 1) {
      for (const sign of [1, -1]) {
        // The product is half an ulp of c, less k^2 2^-70: below the reach of the float64 sum.
        const a = 1 + k * 2 ** -23;
        const b = sign * (1 - k * 2 ** -23) * 2 ** -24;
        const c = 1 + (2 * k + 1) * 2 ** -23;
        const want = fmaExact(a, b, c);
        expect(fmaf32(a, b, c)).toBe(want);
        expect(fmaf32(-a, b, -c)).toBe(-want);
        if (Math.fround(a * b + c) !== want) plainWrong += 1;
      }
    }
    // Otherwise this test would show nothing.
    expect(plainWrong).toBeGreaterThan(100);
  });

  it('equals exact integer arithmetic on random bits, cancellation and subnormals', () => {
    const next = wordSource(77);
    const number = (low: number, span: number): number =>
      f32FromBits(((next() & 0x807fffff) | ((low + (next() % span)) << 23)) >>> 0);
    for (let count = 0; count < 20_000; count += 1) {
      const wide = count % 2 === 0;
      const a = wide ? number(90, 70) : number(50, 30);
      const b = wide ? number(90, 70) : number(50, 30);
      const c = count % 3 === 0 ? nextUpF32(-Math.fround(a * b)) : wide ? number(60, 120) : number(0, 60);
      expect(fmaf32(a, b, c) + 0, `${a} ${b} ${c}`).toBe(fmaExact(a, b, c) + 0);
    }
  });

  it('handles specials as IEEE 754', () => {
    expect(fmaf32(Infinity, 0, 1)).toBeNaN();
    expect(fmaf32(Infinity, 1, -Infinity)).toBeNaN();
    expect(fmaf32(Infinity, -2, 5)).toBe(-Infinity);
    expect(fmaf32(2 ** 127, 2, 0)).toBe(Infinity);
    expect(fmaf32(-0, 1, -0)).toBe(-0);
    expect(fmaf32(1, 1, -1)).toBe(0);
    expect(fmaf32(2 ** -100, 2 ** -100, 0)).toBe(0);
    expect(fmaf32(2 ** -100, -(2 ** -100), 2 ** -149)).toBe(2 ** -149);
  });
});

describe('bits', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const x = f32FromBits(bits);
        expect(f32Bits(x)).toBe(Number.isNaN(x) ? 0x7fc00000 : bits);
      }),
    );
    expect(f32FromBits(-0x80000000)).toBe(-0);
    expect(f32Bits(0.1)).toBe(0x3dcccccd);
  });
});

describe('neighbours', () => {
  it('lie next to each other', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const up = nextUpF32(x);
        expect(up > x).toBe(true);
        expect(Math.fround((x + up) / 2) === x || Math.fround((x + up) / 2) === up).toBe(true);
        expect(nextDownF32(up) === x).toBe(true);
      }),
    );
  });

  it('at the edges', () => {
    expect(nextUpF32(0)).toBe(2 ** -149);
    expect(nextUpF32(-0)).toBe(2 ** -149);
    expect(nextDownF32(0)).toBe(-(2 ** -149));
    expect(nextUpF32(f32FromBits(0x7f7fffff))).toBe(Infinity);
    expect(nextUpF32(Infinity)).toBe(Infinity);
    expect(nextUpF32(-Infinity)).toBe(-f32FromBits(0x7f7fffff));
    expect(nextUpF32(Number.NaN)).toBeNaN();
  });

  it('ulp', () => {
    expect([1, 1.5, 2, -3, 2 ** -149, 0].map(ulpF32)).toEqual([
      2 ** -23,
      2 ** -23,
      2 ** -22,
      2 ** -22,
      2 ** -149,
      2 ** -149,
    ]);
    expect(ulpF32(f32FromBits(0x7f7fffff))).toBe(2 ** 104);
    expect(ulpF32(Infinity)).toBeNaN();
  });
});
