import { describe, expect, it } from 'vitest';
import { decodeTable, type NarrowFormatName } from '../../src/formats/decode.ts';
import { type EncodeOptions, encode } from '../../src/formats/encode.ts';
import { f32FromBits } from '../../src/formats/f32.ts';
import { type FloatFormatName, formatFacts } from '../../src/formats/facts.ts';
import { finiteOrInfinite, narrowFormats, roundingFormats, wordSource } from './support.ts';

const SATURATE: EncodeOptions = { saturate: true };

/** Nearest value by search through the whole table, ties to the even code. Independent of the encoder's arithmetic. */
function nearestCode(name: NarrowFormatName, x: number): number {
  const { maxCode, codeBits } = formatFacts(name);
  const table = decodeTable(name);
  const magnitude = Math.abs(x);
  let low = 0;
  let high = maxCode;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (table[middle]! <= magnitude) low = middle;
    else high = middle;
  }
  // Differences of neighbouring values from a float64 between them are exact (Sterbenz) or far from a tie.
  const below = magnitude - table[low]!;
  const above = table[high]! - magnitude;
  const code = below < above || (below === above && low % 2 === 0) ? low : high;
  return x < 0 ? code + 2 ** (codeBits - 1) : code;
}

describe('encode rounds to nearest even', () => {
  it.each(roundingFormats)('%s: on, below and above every tie', (name) => {
    const table = decodeTable(name);
    const { maxCode, codeBits, hasNegativeZero } = formatFacts(name);
    const negative = 2 ** (codeBits - 1);
    const wrong: number[] = [];
    for (let code = 0; code < maxCode; code += 1) {
      const tie = (table[code]! + table[code + 1]!) / 2;
      const even = code % 2 === 0 ? code : code + 1;
      // 2^-52 apart: any detour over float32 would land on the tie.
      for (const [x, want] of [
        [tie * (1 - 2 ** -52), code],
        [tie, even],
        [tie * (1 + 2 ** -52), code + 1],
      ] as const) {
        if (encode(name, x) !== want) wrong.push(x);
        if (encode(name, -x) !== (want === 0 && !hasNegativeZero ? 0 : want + negative)) wrong.push(-x);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(roundingFormats)('%s: as a search through the table, on random numbers', (name) => {
    const next = wordSource(11);
    const { max, codeBits } = formatFacts(name);
    const negativeZero = 2 ** (codeBits - 1);
    const wrong: number[] = [];
    for (let count = 0; count < 20_000; count += 1) {
      const x = ((next() / 2 ** 32) * 2 - 1) * 2 ** -(next() % 24) * max;
      const expected = nearestCode(name, x);
      if (expected !== negativeZero && encode(name, x) !== expected) wrong.push(x);
    }
    expect(wrong).toEqual([]);
  });

  it('rounds once from float64', () => {
    // float32 would drop the 2^-40, and the tie would go to the even code 0x38.
    expect(encode('e4m3fn', 1 + 2 ** -4 + 2 ** -40)).toBe(0x39);
    expect(encode('bf16', 1 + 2 ** -8 + 2 ** -40)).toBe(0x3f81);
  });
});

describe('encode overflow', () => {
  // [format, largest that still rounds to max, first that does not]; the second is the tie above max.
  it.each<[NarrowFormatName, number, number, number, number]>([
    ['e4m3fn', 464, 464.00001, 0x7e, 0x7f],
    ['e4m3fnuz', 247.99999, 248, 0x7f, 0x80],
    ['e5m2', 61439.99, 61440, 0x7b, 0x7c],
    ['e5m2fnuz', 61439.99, 61440, 0x7f, 0x80],
    ['f16', 65519.99, 65520, 0x7bff, 0x7c00],
    ['bf16', (2 - 2 ** -8 - 2 ** -52) * 2 ** 127, (2 - 2 ** -8) * 2 ** 127, 0x7f7f, 0x7f80],
  ])('%s goes from its maximum to NaN or infinity', (name, last, first, maxCode, overflow) => {
    const { codeBits, hasNegativeZero } = formatFacts(name);
    const sign = 2 ** (codeBits - 1);
    expect(encode(name, last)).toBe(maxCode);
    expect(encode(name, -last)).toBe(maxCode + sign);
    for (const x of [first, 1e300, Number.POSITIVE_INFINITY]) {
      expect(encode(name, x)).toBe(overflow);
      expect(encode(name, -x)).toBe(hasNegativeZero ? overflow + sign : overflow);
      expect(encode(name, x, SATURATE)).toBe(maxCode);
      expect(encode(name, -x, SATURATE)).toBe(maxCode + sign);
    }
  });

  it.each(['e2m1', 'e2m3', 'e3m2'] as const)('%s saturates', (name) => {
    const { maxCode, codeBits } = formatFacts(name);
    for (const options of [{}, SATURATE]) {
      expect(encode(name, Number.POSITIVE_INFINITY, options)).toBe(maxCode);
      expect(encode(name, -1e30, options)).toBe(maxCode + 2 ** (codeBits - 1));
    }
  });

  it('f32 overflows to infinity and f64 has nothing to overflow to', () => {
    expect(encode('f32', 1e39)).toBe(0x7f800000);
    expect(encode('f32', -1e39, SATURATE)).toBe(0xff7fffff);
    expect(encode('f64', Number.NEGATIVE_INFINITY, SATURATE)).toBe(-Number.MAX_VALUE);
  });
});

describe('encode zeros', () => {
  it.each(narrowFormats.filter((name) => name !== 'e8m0'))('%s', (name) => {
    const { codeBits, hasNegativeZero, minSubnormal } = formatFacts(name);
    const negative = hasNegativeZero ? 2 ** (codeBits - 1) : 0;
    expect(encode(name, 0)).toBe(0);
    expect(encode(name, -0)).toBe(negative);
    expect(encode(name, minSubnormal / 2)).toBe(0);
    expect(encode(name, -minSubnormal / 2)).toBe(negative);
    expect(encode(name, Number.MIN_VALUE)).toBe(0);
  });
});

describe('encode NaN', () => {
  it.each<[FloatFormatName, number, number, number, number]>([
    // torch, aiter, ocp, ml_dtypes
    ['f32', 0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000],
    ['f16', 0x7e00, 0x7e00, 0x7e00, 0x7e00],
    ['bf16', 0x7fc0, 0x7fc0, 0x7fc0, 0x7fc0],
    ['e4m3fn', 0x7f, 0x7f, 0x7f, 0x7f],
    ['e4m3fnuz', 0x80, 0x80, 0x80, 0x80],
    ['e5m2', 0x7f, 0x7f, 0x7e, 0x7e],
    ['e5m2fnuz', 0x80, 0x80, 0x80, 0x80],
    ['e8m0', 0xff, 0xff, 0xff, 0xff],
    ['e2m1', 3, 3, 7, 0],
    ['e2m3', 0x1f, 0x1f, 0x1f, 0],
    ['e3m2', 0x1f, 0x1f, 0x1f, 0],
  ])('%s', (name, torch, aiter, ocp, mlDtypes) => {
    for (const saturate of [false, true]) {
      expect(encode(name, Number.NaN, { saturate })).toBe(torch);
      expect(encode(name, Number.NaN, { saturate, convention: 'aiter' })).toBe(aiter);
      expect(encode(name, Number.NaN, { saturate, convention: 'ocp' })).toBe(ocp);
      expect(encode(name, Number.NaN, { saturate, convention: 'ml_dtypes' })).toBe(mlDtypes);
    }
  });
});

describe('encode e2m1', () => {
  it('as AITER f32_to_mxfp4', () => {
    const vectors: readonly (readonly [number, number])[] = [
      [0.1, 0],
      [0.25, 0],
      [Math.fround(0.2500001), 1],
      [0.75, 2],
      [Math.fround(0.7499999), 1],
      [1.25, 2],
      [Math.fround(1.2500001), 3],
      [1.75, 4],
      [Math.fround(1.7499999), 3],
      [2.5, 4],
      [Math.fround(2.5000002), 5],
      [3.5, 6],
      [Math.fround(3.4999998), 5],
      [5, 6],
      [Math.fround(5.0000005), 7],
      [1e30, 7],
      [-0.3, 9],
      [-5, 14],
      [-1e-30, 8],
    ];
    for (const [x, code] of vectors) expect(encode('e2m1', x), `${x}`).toBe(code);
  });

  it('equals the integer recipe on random float32', () => {
    const next = wordSource(5);
    const scratch = new Float32Array(1);
    const bits = new Uint32Array(scratch.buffer);
    const wrong: number[] = [];
    for (let count = 0; count < 50_000; count += 1) {
      const x =
        count % 2 === 0
          ? finiteOrInfinite(next)
          : f32FromBits(((next() & 0x80ffffff) | (0x3e800000 + (next() % 0x2800000))) >>> 0);
      const magnitude = Math.abs(x);
      scratch[0] = magnitude;
      const a = bits[0]!;
      let code: number;
      if (magnitude >= 6) code = 7;
      else if (magnitude < 1) {
        scratch[0] = magnitude + 2 ** 22;
        code = bits[0]! - 0x4a800000;
      } else code = ((a + 0xc11fffff + ((a >>> 22) & 1)) % 2 ** 32) >>> 22;
      if (encode('e2m1', x, { convention: 'aiter' }) !== code + (x < 0 || Object.is(x, -0) ? 8 : 0)) wrong.push(x);
    }
    expect(wrong).toEqual([]);
  });
});

describe('encode e8m0', () => {
  it.each([
    [1, 0x7f, 0x7f],
    [1.25, 0x7f, 0x7f],
    [1.4999999, 0x7f, 0x7f],
    [1.5, 0x80, 0x80],
    [3, 0x81, 0x81],
    [0, 0, 0xff],
    [-0, 0, 0xff],
    [-1, 0x7f, 0xff],
    [-3, 0x81, 0xff],
    [2 ** -127, 0, 0],
    [2 ** -126, 1, 1],
    [2 ** -149, 0, 0],
    [2 ** 127, 0xfe, 0xfe],
    [1.5 * 2 ** 127, 0xff, 0xff],
    [Number.POSITIVE_INFINITY, 0xff, 0xff],
    [Number.NEGATIVE_INFINITY, 0xff, 0xff],
  ])('%d is %d in torch and %d in ml_dtypes', (x, torch, mlDtypes) => {
    expect(encode('e8m0', x)).toBe(torch);
    expect(encode('e8m0', x, { convention: 'ml_dtypes' })).toBe(mlDtypes);
  });

  it('saturates at 2^127', () => {
    expect(encode('e8m0', Number.POSITIVE_INFINITY, SATURATE)).toBe(0xfe);
    expect(encode('e8m0', 1.9 * 2 ** 127, SATURATE)).toBe(0xfe);
  });
});

it('encode refuses an unknown format', () => {
  expect(() => encode('float8' as FloatFormatName, 1)).toThrow('parameter "name": is "float8", expected one of f64,');
});
