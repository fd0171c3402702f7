import { describe, expect, it } from 'vitest';
import { decode, decodeTable } from '../../src/formats/decode.ts';
import { FLOAT_FORMATS, type FloatFormatName, formatFacts, isFloatFormat } from '../../src/formats/facts.ts';
import { narrowFormats } from './support.ts';

// From the OCP OFP8 and MX v1.0 tables, IEEE 754 and numpy.finfo.
// name: codeBits, storageBits, max, maxCode, minNormal, minSubnormal, eps, nanCode, infinityCode, digits
type Row = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number | undefined,
  number | undefined,
  number,
];
const TABLE: Readonly<Record<FloatFormatName, Row>> = {
  f64: [64, 64, Number.MAX_VALUE, Number.NaN, 2 ** -1022, Number.MIN_VALUE, 2 ** -52, undefined, undefined, 15],
  f32: [32, 32, 3.4028234663852886e38, 0x7f7fffff, 2 ** -126, 2 ** -149, 2 ** -23, 0x7fc00000, 0x7f800000, 6],
  f16: [16, 16, 65504, 0x7bff, 2 ** -14, 2 ** -24, 2 ** -10, 0x7e00, 0x7c00, 3],
  bf16: [16, 16, 3.3895313892515355e38, 0x7f7f, 2 ** -126, 2 ** -133, 2 ** -7, 0x7fc0, 0x7f80, 2],
  e4m3fn: [8, 8, 448, 0x7e, 2 ** -6, 2 ** -9, 2 ** -3, 0x7f, undefined, 0],
  e4m3fnuz: [8, 8, 240, 0x7f, 2 ** -7, 2 ** -10, 2 ** -3, 0x80, undefined, 0],
  e5m2: [8, 8, 57344, 0x7b, 2 ** -14, 2 ** -16, 2 ** -2, 0x7e, 0x7c, 0],
  e5m2fnuz: [8, 8, 57344, 0x7f, 2 ** -15, 2 ** -17, 2 ** -2, 0x80, undefined, 0],
  e8m0: [8, 8, 2 ** 127, 0xfe, 2 ** -127, 2 ** -127, 1, 0xff, undefined, 0],
  e2m1: [4, 4, 6, 7, 1, 0.5, 0.5, undefined, undefined, 0],
  e2m3: [6, 8, 7.5, 0x1f, 1, 0.125, 0.125, undefined, undefined, 0],
  e3m2: [6, 8, 28, 0x1f, 0.25, 0.0625, 0.25, undefined, undefined, 0],
};

describe('formatFacts', () => {
  it.each(Object.entries(TABLE))('%s', (name, row) => {
    const f = formatFacts(name as FloatFormatName);
    expect(f.name).toBe(name);
    expect([
      f.codeBits,
      f.storageBits,
      f.max,
      f.maxCode,
      f.minNormal,
      f.minSubnormal,
      f.eps,
      f.nanCode,
      f.infinityCode,
      f.digits,
    ]).toEqual(row);
  });

  it('knows every format', () => {
    expect([...FLOAT_FORMATS].sort()).toEqual(Object.keys(TABLE).sort());
  });

  it.each(narrowFormats)('of %s agree with its decode table', (name) => {
    const f = formatFacts(name);
    const values = [...decodeTable(name)];
    const finite = values.filter(Number.isFinite);
    const positive = finite.filter((value) => value > 0);
    expect(Math.max(...finite)).toBe(f.max);
    expect(Math.min(...positive)).toBe(f.minSubnormal);
    expect(decode(name, f.maxCode)).toBe(f.max);
    expect(Math.min(...positive.filter((value) => value > 1)) - 1).toBe(f.eps);
    expect(values.some(Number.isNaN)).toBe(f.hasNaN);
    expect(values.includes(Number.POSITIVE_INFINITY)).toBe(f.hasInfinity);
    expect(values.some((value) => Object.is(value, 0))).toBe(f.hasZero);
    expect(values.some((value) => Object.is(value, -0))).toBe(f.hasNegativeZero);
    expect(values.some((value) => value < 0)).toBe(f.signed);
    expect(f.nanCode === undefined ? !f.hasNaN : Number.isNaN(decode(name, f.nanCode))).toBe(true);
    expect(f.infinityCode === undefined ? !f.hasInfinity : decode(name, f.infinityCode) === Infinity).toBe(true);
  });

  it('refuses a name it does not know', () => {
    expect(isFloatFormat('constructor')).toBe(false);
    expect(isFloatFormat('e4m3fn')).toBe(true);
    expect(() => formatFacts('fp8' as FloatFormatName)).toThrow(
      'formatFacts: parameter "name": is "fp8", expected one of f64, f32, f16, bf16, e4m3fn, e4m3fnuz, e5m2, e5m2fnuz, e8m0, e2m1, e2m3, e3m2.',
    );
  });
});
