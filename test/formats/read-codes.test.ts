import { describe, expect, it } from 'vitest';
import { codeReader, codeValue, valueReader } from '../../src/formats/read-codes.ts';

const BYTES = Uint8Array.of(0x21, 0x43, 0x65, 0x87, 0xa9, 0xcb, 0xed, 0x0f, 0x11, 0x22, 0x33, 0x44);

describe('codeReader', () => {
  it('reads nibbles from the low one of a byte upwards', () => {
    const code = codeReader(BYTES, 4);
    expect([0, 1, 2, 3, 14, 15].map(code)).toEqual([1, 2, 3, 4, 15, 0]);
  });

  it('reads bytes and little-endian words, 64-bit ones by their low half', () => {
    expect(codeReader(BYTES, 8)(3)).toBe(0x87);
    expect(codeReader(BYTES, 16)(1)).toBe(0x8765);
    expect(codeReader(BYTES, 32)(1)).toBe(0x0fedcba9);
    expect(codeReader(BYTES, 64)(0)).toBe(0x87654321);
  });

  it.each([1, 2, 3])('reads words of a file at %i bytes past a word', (from) => {
    const bytes = BYTES.subarray(from);
    const view = new DataView(BYTES.buffer, from);
    expect([0, 1, 2].map(codeReader(bytes, 16))).toEqual([0, 2, 4].map((at) => view.getUint16(at, true)));
    expect([0, 1].map(codeReader(bytes, 32))).toEqual([0, 4].map((at) => view.getUint32(at, true)));
  });

  it('does not lose high bits of offsets past 2^31', () => {
    // Four gigabytes would have to be there; a proxy shows which byte is asked for.
    const asked: string[] = [];
    const bytes = new Proxy(new Uint8Array(1), {
      get(_, key) {
        asked.push(String(key));
        return 0xb7;
      },
    });
    const code = codeReader(bytes, 4);
    expect([code(2 ** 32 + 6), code(2 ** 31 + 5)]).toEqual([7, 11]);
    expect(asked).toEqual([String(2 ** 31 + 3), String(2 ** 30 + 2)]);
  });
});

describe('codeValue', () => {
  it('gives integers their sign and formats their value', () => {
    expect(codeValue('i8', 0xff)).toBe(-1);
    expect(codeValue('i16', 0x8000)).toBe(-32768);
    expect(codeValue('i32', 0xffffffff)).toBe(-1);
    expect(codeValue('u32', 0xffffffff)).toBe(4294967295);
    expect(codeValue('e2m1', 0xb)).toBe(-1.5);
    expect(codeValue('e8m0', 123)).toBe(2 ** -4);
    expect(codeValue('bf16', 0x3f80)).toBe(1);
    expect(codeValue('f32', 0xbf800000)).toBe(-1);
    expect(codeValue('f64', 0.1)).toBe(0.1);
  });

  it('refuses codes that a format does not have', () => {
    expect(() => valueReader('e2m1')(16)).toThrow(/is 16, expected an integer 0\.\.15 for e2m1/);
  });
});
