import { describe, expect, it } from 'vitest';
import { decodeTable } from '../../src/formats/decode.ts';
import { type EncodeConvention, encode, encodeArray } from '../../src/formats/encode.ts';
import { FLOAT_FORMATS, type FloatFormatName, formatFacts } from '../../src/formats/facts.ts';
import { floatsOf, interestingWords, narrowFormats, wordSource, wordsOf } from './support.ts';

const CONVENTIONS: readonly EncodeConvention[] = ['torch', 'ocp', 'aiter', 'ml_dtypes'];
const coded = FLOAT_FORMATS.filter((name): name is Exclude<FloatFormatName, 'f64'> => name !== 'f64');

/** Index of the first element that differs, -1 if none: comparing arrays element by element in expect is slow. */
function firstDifference(a: ArrayLike<number>, b: (index: number) => number): number {
  for (let index = 0; index < a.length; index += 1) if (!Object.is(a[index], b(index))) return index;
  return -1;
}

describe('encodeArray equals encode', () => {
  const words = interestingWords().filter((bits) => (bits & 0x7fffffff) <= 0x7f800000);
  const x = floatsOf(words);

  it.each(coded)('%s from every float32 prefix', (name) => {
    const conventions: readonly EncodeConvention[] = name === 'e8m0' ? CONVENTIONS : ['torch'];
    for (const convention of conventions) {
      for (const saturate of [false, true]) {
        const options = { saturate, convention };
        const codes = encodeArray(name, x, options);
        expect(firstDifference(codes, (index) => encode(name, x[index]!, options))).toBe(-1);
      }
    }
  });

  it.each(FLOAT_FORMATS)('%s from float64', (name) => {
    const next = wordSource(3);
    const values: number[] = [1e39, -1e39, 1e300, 1e-300, -1e-300, 0, -0, Infinity, -Infinity, Number.MIN_VALUE];
    for (const value of x) if (next() % 16 === 0) values.push(value, value * (1 + 2 ** -50), value * (1 - 2 ** -50));
    const doubles = Float64Array.from(values);
    for (const saturate of [false, true]) {
      const codes = encodeArray(name, doubles, { saturate });
      expect(firstDifference(codes, (index) => encode(name, doubles[index]!, { saturate }))).toBe(-1);
    }
  });

  it.each(FLOAT_FORMATS)('%s from codes of every narrow format', (name) => {
    for (const from of narrowFormats) {
      const table = decodeTable(from);
      const codes = table.length > 256 ? new Uint16Array(table.length) : new Uint8Array(table.length);
      codes.forEach((_, index) => {
        codes[index] = index;
      });
      const out = encodeArray(name, codes, { from });
      const wrong = firstDifference(out, (index) =>
        Number.isNaN(table[index]!) ? out[index]! : encode(name, table[index]!),
      );
      expect(wrong, `from ${from}`).toBe(-1);
    }
  });
});

describe('encodeArray and NaN', () => {
  const nans = Uint32Array.of(0x7fc00000, 0xffc00000, 0x7f86ae8a, 0xff93e60c);

  it.each<[Exclude<FloatFormatName, 'f64'>, readonly number[], readonly number[]]>([
    // What torch 2.11 and 2.13 wrote for these on an x86 CPU; ml_dtypes 0.6 agrees with the second row but for the f16 payload.
    ['f32', [...nans], [...nans]],
    ['f16', [0x7e00, 0xfe00, 0x7e35, 0xfe9f], [0x7e00, 0xfe00, 0x7e35, 0xfe9f]],
    ['bf16', [0xffff, 0xffff, 0xffff, 0xffff], [0x7fc0, 0xffc0, 0x7fc0, 0xffc0]],
    ['e4m3fn', [0x7f, 0xff, 0x7f, 0xff], [0x7f, 0xff, 0x7f, 0xff]],
    ['e4m3fnuz', [0x80, 0x80, 0x80, 0x80], [0x80, 0x80, 0x80, 0x80]],
    ['e5m2', [0x7f, 0xff, 0x7f, 0xff], [0x7e, 0xfe, 0x7e, 0xfe]],
    ['e5m2fnuz', [0x80, 0x80, 0x80, 0x80], [0x80, 0x80, 0x80, 0x80]],
    ['e8m0', [255, 255, 255, 255], [255, 255, 255, 255]],
  ])('%s from float32 under torch and ml_dtypes', (name, torch, mlDtypes) => {
    for (const saturate of [false, true]) {
      expect([...encodeArray(name, floatsOf(nans), { saturate })]).toEqual(torch);
      expect([...encodeArray(name, floatsOf(nans), { saturate, convention: 'ml_dtypes' })]).toEqual(mlDtypes);
    }
  });

  it('e2m1 keeps the sign under aiter only', () => {
    const x = floatsOf(nans);
    expect([...encodeArray('e2m1', x, { convention: 'aiter' })]).toEqual([3, 11, 3, 11]);
    expect([...encodeArray('e2m1', x, { convention: 'ocp' })]).toEqual([7, 7, 7, 7]);
    expect([...encodeArray('e2m1', x, { convention: 'ml_dtypes' })]).toEqual([0, 0, 0, 0]);
  });

  it('keeps sign and upper payload from float64', () => {
    const bits = Uint32Array.of(1, 0x7ff40000, 0, 0xfff80000, 0, 0x7ff80000);
    const x = new Float64Array(bits.buffer);
    expect([...encodeArray('f16', x)]).toEqual([0x7f00, 0xfe00, 0x7e00]);
    expect([...encodeArray('e5m2', x)]).toEqual([0x7f, 0xff, 0x7f]);
    expect([...encodeArray('bf16', x)]).toEqual([0x7fc0, 0x7fc0, 0x7fc0]);
    expect([...encodeArray('f32', x)]).toEqual([0x7fe00000, 0xffc00000, 0x7fc00000]);
  });

  it('keeps sign and payload from codes', () => {
    expect([...encodeArray('f16', Uint8Array.of(0x7d, 0xfe), { from: 'e5m2' })]).toEqual([0x7f00, 0xfe00]);
    expect([...encodeArray('f16', Uint8Array.of(0x7f, 0xff), { from: 'e4m3fn' })]).toEqual([0x7f80, 0xff80]);
    expect([...encodeArray('e4m3fn', Uint16Array.of(0x7fc0, 0xffff), { from: 'bf16' })]).toEqual([0x7f, 0xff]);
    expect([...encodeArray('e4m3fn', Uint16Array.of(0x7c01, 0xfe00), { from: 'f16' })]).toEqual([0x7f, 0xff]);
    expect([...encodeArray('bf16', Uint16Array.of(0xfc01), { from: 'f16' })]).toEqual([0x7fc0]);
    expect([...encodeArray('e4m3fn', Uint8Array.of(0x80), { from: 'e4m3fnuz' })]).toEqual([0x7f]);
  });
});

describe('encodeArray', () => {
  it('copies codes of the same format, and saturates them on request', () => {
    const codes = Uint16Array.of(0x7f81, 0x7f80, 0x8000);
    expect([...encodeArray('bf16', codes, { from: 'bf16' })]).toEqual([0x7f81, 0x7f80, 0x8000]);
    expect([...encodeArray('bf16', codes.subarray(1), { from: 'bf16', saturate: true })]).toEqual([0x7f7f, 0x8000]);
  });

  it('returns one element a code, in the array of the format', () => {
    const x = Float32Array.of(1, -2);
    for (const name of FLOAT_FORMATS) {
      const out = encodeArray(name, x);
      const bits = Math.max(8, formatFacts(name).storageBits);
      expect([out.length, out.BYTES_PER_ELEMENT * 8]).toEqual([2, bits]);
    }
    expect([...encodeArray('f64', x)]).toEqual([1, -2]);
    expect([...encodeArray('f32', x)]).toEqual([...wordsOf(x)]);
  });

  it('writes into out, reads views at any offset, and takes empty arrays', () => {
    const buffer = new Float32Array([9, 9, 1, 2, 9]);
    const out = new Uint8Array(2);
    expect(encodeArray('e4m3fn', buffer.subarray(2, 4), {}, out)).toBe(out);
    expect([...out]).toEqual([0x38, 0x40]);
    expect(encodeArray('bf16', new Float64Array(0))).toEqual(new Uint16Array(0));
  });

  it('goes over the chunk boundary', () => {
    const x = Float64Array.from({ length: 20_000 }, (_, index) => Math.sin(index) * 300);
    const codes = encodeArray('e4m3fn', x);
    expect(firstDifference(codes, (index) => encode('e4m3fn', x[index]!))).toBe(-1);
  });

  it('refuses what it cannot read', () => {
    expect(() => encodeArray('e4m3fn', new Uint16Array(1))).toThrow(
      'encodeArray: parameter "from": is missing, expected the format of the Uint16Array, e.g. "bf16"; give numbers as a Float32Array or Float64Array.',
    );
    expect(() => encodeArray('e4m3fn', new Uint8Array(1))).toThrow(
      'encodeArray: parameter "from": is missing, expected the format of the Uint8Array, e.g. "e4m3fn"; give numbers as a Float32Array or Float64Array.',
    );
    expect(() => encodeArray('e4m3fn', new Uint8Array(2), { from: 'bf16' })).toThrow(
      'encodeArray: parameter "x": is a Uint8Array, expected a Uint16Array: one bf16 code an element.',
    );
    expect(() => encodeArray('e4m3fn', new Float32Array(2), {}, new Uint8Array(1))).toThrow(
      'encodeArray: parameter "out": has 1 elements, expected 2, one for each source element.',
    );
    expect(() => encodeArray('fp8' as FloatFormatName, new Float32Array(2))).toThrow('is "fp8", expected one of f64,');
  });
});
