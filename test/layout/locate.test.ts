import { expect, it } from 'vitest';
import { describeLocation, locate, locateByte, rowMajor, shuffleScale, shuffleWeight } from '../../src/layout/index.ts';
import { everyCoord } from './support.ts';

it('says where an element of a shuffled fp8 weight lies', () => {
  const layout = shuffleWeight([32, 128], { bits: 8 });
  const location = locate(layout, [17, 40], 8);
  expect(location).toEqual({
    coord: [17, 40],
    offset: 2584,
    byte: 2584,
    bit: 0,
    bits: 8,
    line16: 161,
    line128: 20,
    contiguousElements: 8,
    contiguousBytes: 8,
    digits: { n0: 1, n1: 1, k0: 1, k1: 0, k2: 8 },
  });
  expect(describeLocation(layout, location)).toBe(
    'n=17 k=40: element 2584, byte 2584, 16-byte line 161, 8 contiguous; n0=1 n1=1 k0=1 k1=0 k2=8',
  );
});

it('counts bits of fp4 and bytes of bf16', () => {
  const fp4 = shuffleWeight([16, 64], { bits: 4 });
  expect(locate(fp4, [1, 3], 4)).toMatchObject({
    offset: 35,
    byte: 17,
    bit: 4,
    contiguousElements: 29,
    contiguousBytes: 14.5,
  });
  expect(describeLocation(fp4, locate(fp4, [1, 3], 4))).toContain('byte 17 high nibble');
  expect(locate(shuffleWeight([32, 128], { bits: 16 }), [17, 40], 16)).toMatchObject({ offset: 2696, byte: 5392 });
});

it('finds the element of every byte', () => {
  for (const [layout, bits] of [
    [shuffleWeight([16, 64], { bits: 4 }), 4],
    [shuffleScale([40, 3]), 8],
    [rowMajor([3, 5]), 16],
  ] as const) {
    for (const coord of everyCoord(layout.shape)) {
      const { byte, bit } = locate(layout, coord, bits);
      expect(locateByte(layout, byte, bits, bit === 4 ? 1 : 0)?.coord).toEqual(coord);
    }
  }
  expect(locateByte(shuffleScale([40, 3]), 3, 8)).toBeUndefined();
});
