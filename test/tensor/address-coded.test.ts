import { describe, expect, it } from 'vitest';
import { type ElementType, elementBits } from '../../src/formats/element-type.ts';
import { FLOAT_FORMATS, formatFacts, isFloatFormat } from '../../src/formats/facts.ts';
import { codeValue } from '../../src/formats/read-codes.ts';
import { addressCode } from '../../src/tensor/address-coded.ts';

const TYPES: readonly ElementType[] = [...FLOAT_FORMATS, 'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'];
const INDICES = [...Array.from({ length: 20_000 }, (_, index) => index), 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7];

describe('addressCode', () => {
  it.each(TYPES)('%s: a code of the type, whose value is finite', (type) => {
    const bits = isFloatFormat(type) ? formatFacts(type).codeBits : elementBits(type);
    for (const index of INDICES) {
      const code = addressCode(type, index);
      if (!Number.isInteger(code) || code < 0 || code >= 2 ** Math.min(32, bits))
        throw new Error(`${index}: code ${code}`);
      if (type !== 'f64' && !Number.isFinite(codeValue(type, code)))
        throw new Error(`${index}: code ${code} is not finite`);
    }
  });
  it.each(['e8m0', 'f32'] as const)('%s scales are between 2^-14 and 2^-3', (type) => {
    const values = INDICES.map((index) => codeValue(type, addressCode(type, index)));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(2 ** -14);
    expect(Math.max(...values)).toBeLessThanOrEqual(2 ** -3);
  });
  it.each(['e4m3fn', 'e4m3fnuz', 'e5m2', 'e2m1', 'e8m0', 'f32', 'u8'] as const)(
    '%s: neighbours differ as a hash does',
    (type) => {
      const codes = INDICES.slice(0, 4096).map((index) => addressCode(type, index));
      const distinct = new Set(codes).size;
      for (const distance of [1, 2, 16, 32, 64, 128]) {
        const same = codes.filter((code, index) => code === codes[index + distance]).length;
        // Twice what chance gives, as codes are not equally frequent.
        expect(same / codes.length).toBeLessThan(2.5 / distinct + 0.01);
      }
    },
  );
  it('takes every finite code of a small format', () => {
    expect(new Set(INDICES.map((index) => addressCode('e2m1', index))).size).toBe(15);
    expect(new Set(INDICES.map((index) => addressCode('e4m3fn', index))).size).toBe(2 * 0x7f - 1);
    expect(new Set(INDICES.map((index) => addressCode('u8', index))).size).toBe(256);
  });
  it('stays as it is: permalinks show the same codes tomorrow', () => {
    expect([0, 1, 2, 3].map((index) => addressCode('e4m3fn', index))).toMatchInlineSnapshot(`
      [
        162,
        44,
        28,
        95,
      ]
    `);
    expect([0, 1, 2, 3].map((index) => addressCode('u32', index))).toMatchInlineSnapshot(`
      [
        1368506822,
        502018598,
        1404976009,
        542651156,
      ]
    `);
  });
});
