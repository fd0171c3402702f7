import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNibbles, packSixBit, unpackNibbles, unpackSixBit } from '../../src/formats/pack.ts';

const codes = (limit: number, multiple: number): fc.Arbitrary<Uint8Array> =>
  fc
    .uint8Array({ max: limit, maxLength: 64 })
    .map((array) => array.subarray(0, array.length - (array.length % multiple)));

describe('nibbles', () => {
  it('have the even element low', () => {
    expect([...packNibbles(Uint8Array.of(1, 2, 15, 0))]).toEqual([0x21, 0x0f]);
    expect([...unpackNibbles(Uint8Array.of(0x21, 0x0f))]).toEqual([1, 2, 15, 0]);
    expect([...unpackNibbles(Uint8Array.of(0x21, 0x4f), 3)]).toEqual([1, 2, 15]);
    expect([...unpackNibbles(Uint8Array.of(0x21), 0)]).toEqual([]);
  });

  it('round-trip', () => {
    fc.assert(
      fc.property(codes(15, 2), (array) => {
        expect(unpackNibbles(packNibbles(array))).toEqual(Uint8Array.from(array));
      }),
    );
  });

  it('refuse what does not fit', () => {
    expect(() => packNibbles(new Uint8Array(3))).toThrow(
      'packNibbles: parameter "codes": has 3 elements, expected an even number; pad the last dimension.',
    );
    expect(() => packNibbles(Uint8Array.of(1, 16))).toThrow(
      'packNibbles: parameter "codes": has 16 at element 1, expected 0..15.',
    );
    for (const count of [5, -1, 1.5]) {
      expect(() => unpackNibbles(new Uint8Array(2), count)).toThrow(
        `unpackNibbles: parameter "count": is ${count}, expected an integer 0..4: 2 bytes hold 4 codes.`,
      );
    }
  });
});

describe('six-bit codes', () => {
  it('form a little-endian bit stream', () => {
    expect([...packSixBit(Uint8Array.of(0x3f, 0, 0, 0))]).toEqual([0x3f, 0, 0]);
    expect([...packSixBit(Uint8Array.of(0, 0x3f, 0, 0))]).toEqual([0xc0, 0x0f, 0]);
    expect([...packSixBit(Uint8Array.of(0, 0, 0x3f, 0))]).toEqual([0, 0xf0, 0x03]);
    expect([...packSixBit(Uint8Array.of(0, 0, 0, 0x3f))]).toEqual([0, 0, 0xfc]);
  });

  it('round-trip', () => {
    fc.assert(
      fc.property(codes(63, 4), (array) => {
        expect(unpackSixBit(packSixBit(array))).toEqual(Uint8Array.from(array));
      }),
    );
  });

  it('refuse what does not fit', () => {
    expect(() => packSixBit(new Uint8Array(6))).toThrow(
      'packSixBit: parameter "codes": has 6 elements, expected a multiple of 4; pad the last dimension.',
    );
    expect(() => packSixBit(Uint8Array.of(0, 0, 64, 0))).toThrow(
      'packSixBit: parameter "codes": has 64 at element 2, expected 0..63.',
    );
    expect(() => unpackSixBit(new Uint8Array(4))).toThrow(
      'unpackSixBit: parameter "bytes": has 4 bytes, expected a multiple of 3.',
    );
  });
});
