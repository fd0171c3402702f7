import { describe, expect, it } from 'vitest';
import { decode, decodeArray, decodeTable, type NarrowFormatName } from '../../src/formats/decode.ts';
import { encode } from '../../src/formats/encode.ts';
import { narrowFormats } from './support.ts';

const NaNs = Number.NaN;

describe('decode', () => {
  // Values read off the tables of OCP OFP8, OCP MX v1.0 and the fnuz proposal.
  it.each<[NarrowFormatName, Readonly<Record<number, number>>]>([
    [
      'e4m3fn',
      { 0: 0, 128: -0, 1: 2 ** -9, 7: 7 * 2 ** -9, 8: 2 ** -6, 56: 1, 126: 448, 127: NaNs, 254: -448, 255: NaNs },
    ],
    ['e4m3fnuz', { 0: 0, 128: NaNs, 1: 2 ** -10, 8: 2 ** -7, 64: 1, 127: 240, 255: -240 }],
    [
      'e5m2',
      { 128: -0, 1: 2 ** -16, 4: 2 ** -14, 60: 1, 123: 57344, 124: Infinity, 252: -Infinity, 125: NaNs, 255: NaNs },
    ],
    ['e5m2fnuz', { 128: NaNs, 1: 2 ** -17, 4: 2 ** -15, 64: 1, 127: 57344, 255: -57344 }],
    ['e8m0', { 0: 2 ** -127, 1: 2 ** -126, 127: 1, 254: 2 ** 127, 255: NaNs }],
    ['e2m1', { 0: 0, 1: 0.5, 2: 1, 3: 1.5, 4: 2, 5: 3, 6: 4, 7: 6, 8: -0, 15: -6 }],
    ['e2m3', { 1: 0.125, 7: 0.875, 8: 1, 31: 7.5, 32: -0, 63: -7.5 }],
    ['e3m2', { 1: 0.0625, 4: 0.25, 12: 1, 31: 28, 32: -0, 63: -28 }],
    ['f16', { 1: 2 ** -24, 15360: 1, 31743: 65504, 31744: Infinity, 64512: -Infinity, 31745: NaNs, 32768: -0 }],
    ['bf16', { 1: 2 ** -133, 16256: 1, 32640: Infinity, 65408: -Infinity, 32641: NaNs, 32768: -0, 16457: 3.140625 }],
  ])('%s', (name, values) => {
    for (const [code, value] of Object.entries(values)) expect(decode(name, Number(code)), `code ${code}`).toBe(value);
  });

  it.each(narrowFormats)('%s is increasing over positive codes', (name) => {
    const table = decodeTable(name).filter((value) => Number.isFinite(value) && value >= 0 && !Object.is(value, -0));
    expect(table.length).toBeGreaterThan(6);
    expect(table.findIndex((value, code) => code > 0 && value <= table[code - 1]!)).toBe(-1);
  });

  it.each(narrowFormats)('%s: every code that is a number is its own encoding', (name) => {
    const table = decodeTable(name);
    expect(table.findIndex((value, code) => !Number.isNaN(value) && encode(name, value) !== code)).toBe(-1);
  });

  it('reads f32 bits and passes f64 through', () => {
    expect(decode('f32', 0x40490fdb)).toBe(Math.fround(Math.PI));
    expect(decode('f32', 0x80000000)).toBe(-0);
    expect(decode('f64', Math.PI)).toBe(Math.PI);
  });

  it.each([
    ['e4m3fn', 256, 'decode: parameter "code": is 256, expected an integer 0..255 for e4m3fn.'],
    ['e2m1', -1, 'decode: parameter "code": is -1, expected an integer 0..15 for e2m1.'],
    ['f16', 0.5, 'decode: parameter "code": is 0.5, expected an integer 0..65535 for f16.'],
  ] as const)('refuses %s code %d', (name, code, message) => {
    expect(() => decode(name, code)).toThrow(message);
  });
});

describe('decodeArray', () => {
  it.each(narrowFormats)('%s gives the table', (name) => {
    const table = decodeTable(name);
    const codes = table.length > 256 ? new Uint16Array(table.length) : new Uint8Array(table.length);
    codes.forEach((_, index) => {
      codes[index] = index;
    });
    const values = decodeArray(name, codes);
    expect(values.length).toBe(table.length);
    expect(values.findIndex((value, index) => !Object.is(value, table[index]))).toBe(-1);
  });

  it('writes into out', () => {
    const out = new Float32Array(2);
    expect(decodeArray('e2m1', Uint8Array.of(7, 9), out)).toBe(out);
    expect([...out]).toEqual([6, -0.5]);
  });

  it('refuses what it would misread', () => {
    expect(() => decodeArray('e2m1', Uint8Array.of(3, 0x2f))).toThrow(
      'decodeArray: parameter "codes": has 47 at element 1, expected 0..15 for e2m1; packed codes go through unpackNibbles first.',
    );
    expect(() => decodeArray('e3m2', Uint8Array.of(64))).toThrow(
      'decodeArray: parameter "codes": has 64 at element 0, expected 0..63 for e3m2; packed codes go through unpackSixBit first.',
    );
    expect(() => decodeArray('bf16', new Uint8Array(2))).toThrow(
      'decodeArray: parameter "codes": is a Uint8Array, expected a Uint16Array: one bf16 code an element.',
    );
    expect(() => decodeArray('e5m2', new Uint16Array(2))).toThrow(
      'decodeArray: parameter "codes": is a Uint16Array, expected a Uint8Array: one e5m2 code an element.',
    );
    expect(() => decodeArray('e5m2', new Uint8Array(2), new Float32Array(3))).toThrow(
      'decodeArray: parameter "out": has 3 elements, expected 2, one for each code.',
    );
    expect(() => decodeTable('f32' as NarrowFormatName)).toThrow(
      'decodeTable: parameter "name": is "f32", expected a format of at most 16 bits; read f32 and f64 through a typed array.',
    );
  });
});
