import { describe, expect, it } from 'vitest';
import { elementAt, MFMA_MAPS, mfmaMap, type RegisterPlace, registerOf } from '../../src/layout/mfma.ts';
import { everyCoord } from './support.ts';

const SCALED16 = 'v_mfma_scale_f32_16x16x128_f8f6f4';
const SCALED32 = 'v_mfma_scale_f32_32x32x64_f8f6f4';
const PLAIN16 = 'v_mfma_f32_16x16x32_fp8_fp8';
const PLAIN32 = 'v_mfma_f32_32x32x16_fp8_fp8';

describe.each(MFMA_MAPS.map((map) => [map.layout.id, map] as const))('%s', (_id, map) => {
  it('fills every register of 64 lanes with one element each', () => {
    const taken = new Set<string>();
    for (const coord of everyCoord(map.layout.shape)) {
      const place = registerOf(map, coord);
      expect(elementAt(map, place)).toEqual(coord);
      taken.add(JSON.stringify(place));
    }
    expect(taken.size).toBe((64 * map.vgprs * 32) / map.bits);
  });
});

// The closed forms are written out here only.
const floor = Math.floor;
const at = (lane: number, vgpr: number, byte = 0, nibble = 0): RegisterPlace => ({
  lane,
  vgpr,
  byte,
  nibble: nibble as 0 | 1,
});
type Closed = (row: number, k: number) => RegisterPlace;

const OPERANDS: readonly [string, ReturnType<typeof mfmaMap>, Closed][] = [
  ['16x16x32 A', mfmaMap(PLAIN16, 'A'), (i, k) => at(16 * floor(k / 8) + i, floor((k % 8) / 4), k % 4)],
  ['16x16x32 B', mfmaMap(PLAIN16, 'B'), (j, k) => at(16 * floor(k / 8) + j, floor((k % 8) / 4), k % 4)],
  ['16x16x32 D', mfmaMap(PLAIN16, 'C/D'), (i, j) => at(16 * floor(i / 4) + j, i % 4)],
  ['32x32x16 A', mfmaMap(PLAIN32, 'A'), (i, k) => at(32 * floor(k / 8) + i, floor((k % 8) / 4), k % 4)],
  ['32x32x16 D', mfmaMap(PLAIN32, 'C/D'), (i, j) => at(32 * (floor(i / 4) % 2) + j, (i % 4) + 4 * floor(i / 8))],
  [
    '16x16x128 fp4',
    mfmaMap(SCALED16, 'A', 4),
    (i, k) => at(16 * floor(k / 32) + i, floor((k % 32) / 8), floor((k % 8) / 2), k % 2),
  ],
  [
    '16x16x128 fp8',
    mfmaMap(SCALED16, 'B', 8),
    (j, k) => byteAt(16 * floor((k % 64) / 16) + j, (k % 16) + 16 * floor(k / 64)),
  ],
  ['16x16x128 D', mfmaMap(SCALED16, 'C/D'), (i, j) => at(16 * floor(i / 4) + j, i % 4)],
  [
    '32x32x64 fp4',
    mfmaMap(SCALED32, 'B', 4),
    (j, k) => ({ ...byteAt(32 * floor(k / 32) + j, floor((k % 32) / 2)), nibble: (k % 2) as 0 | 1 }),
  ],
  [
    '32x32x64 fp8',
    mfmaMap(SCALED32, 'A', 8),
    (i, k) => byteAt(32 * floor((k % 32) / 16) + i, (k % 16) + 16 * floor(k / 32)),
  ],
  ['32x32x64 D', mfmaMap(SCALED32, 'C/D'), (i, j) => at(32 * (floor(i / 4) % 2) + j, (i % 4) + 4 * floor(i / 8))],
];

function byteAt(lane: number, byte: number): RegisterPlace {
  return at(lane, floor(byte / 4), byte % 4);
}

describe('closed forms', () => {
  it.each(OPERANDS)('%s', (_name, map, closed) => {
    for (const coord of everyCoord(map.layout.shape)) {
      const [row = 0, k = 0] = coord;
      expect(registerOf(map, coord)).toEqual(closed(row, k));
    }
  });

  it('scales: opsel picks the byte, row and block the lane', () => {
    for (const [instruction, rows] of [
      [SCALED16, 16],
      [SCALED32, 32],
    ] as const) {
      const map = mfmaMap(instruction, 'scale');
      for (const coord of everyCoord(map.layout.shape)) {
        const [opsel = 0, row = 0, block = 0] = coord;
        expect(registerOf(map, coord)).toEqual(at(rows * block + row, 0, opsel));
      }
    }
  });

  it('the lane of an fp4 block supplies its scale, that of an fp8 block does not', () => {
    const scale = mfmaMap(SCALED16, 'scale');
    const lanes = (bits: 4 | 8, row: number, k: number): readonly [number, number] => [
      registerOf(mfmaMap(SCALED16, 'A', bits), [row, k]).lane,
      registerOf(scale, [0, row, floor(k / 32)]).lane,
    ];
    for (const [row, k] of everyCoord([16, 128]) as Iterable<[number, number]>) {
      const [data, own] = lanes(4, row, k);
      expect(data).toBe(own);
    }
    expect(lanes(8, 3, 40)).toEqual([35, 19]);
  });
});

describe('errors', () => {
  it('needs an element width where there are two', () =>
    expect(() => mfmaMap(SCALED16, 'A')).toThrow(`${SCALED16} A: no element width was given, expected bits 4 or 8.`));
  it('names the widths that there are', () =>
    expect(() => mfmaMap(PLAIN16, 'B', 4)).toThrow(`${PLAIN16} B: has no map for 4-bit elements, expected bits 8.`));
  it('names the operands that there are', () =>
    expect(() => mfmaMap(PLAIN16, 'scale')).toThrow(`${PLAIN16} has no operand scale; it has A, B, C/D.`));
  it('refuses places without an element', () => {
    expect(() => elementAt(mfmaMap(SCALED16, 'A', 4), at(0, 4))).toThrow(
      `${SCALED16} A 4 bits: lane 0, register 4, byte 0, nibble 0 holds no element of its own; there are 64 lanes with 4 registers of 8 elements.`,
    );
    expect(() => elementAt(mfmaMap(PLAIN16, 'C/D'), at(0, 0, 1))).toThrow('holds no element of its own');
    expect(() => elementAt(mfmaMap(PLAIN16, 'A'), at(64, 0))).toThrow('lane 64');
  });
});
