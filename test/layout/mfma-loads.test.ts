import { describe, expect, it } from 'vitest';
import {
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import { elementAt, mfmaMap, registerOf } from '../../src/layout/mfma.ts';
import { scaleLoad, weightLoadByte } from '../../src/layout/mfma-loads.ts';
import { everyCoord } from './support.ts';

const [E, N, K] = [2, 64, 256];
const sizes = { rows: N, columns: K };
const operand = mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'B', 4);
const scales = mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'scale');

/** Logical row of a row of a storage block: separated shuffles keep the order, interleaved ones alternate gate and up. */
const logicalRow = {
  separated: (block: number, row: number): number => block * 16 + row,
  interleaved: (block: number, row: number): number => (block % 2) * (N / 2) + Math.floor(block / 2) * 16 + row,
};

describe.each([
  ['separated', shuffleWeight([E, N, K], { bits: 4 }), shuffleScale([E * N, K / 32])],
  [
    'interleaved',
    shuffleWeightGuinterleave([E, N, K], { bits: 4, gateUp: true }),
    shuffleScaleGuinterleave([E * N, K / 32], { experts: E, gateUp: true }),
  ],
] as const)('what a lane loads from %s weights', (order, weightLayout, scaleLayout) => {
  const rowOf = logicalRow[order];

  it('is the 16 bytes that the register map wants in its lane', () => {
    for (const [expert, block, slice, lane] of everyCoord([E, N / 16, K / 128, 64]) as Iterable<
      [number, number, number, number]
    >) {
      const byte = weightLoadByte(sizes, { expert, block, slice }, lane);
      for (let nibble = 0; nibble < 32; nibble += 1) {
        const place = { lane, vgpr: nibble >> 3, byte: (nibble >> 1) & 3, nibble: (nibble & 1) as 0 | 1 };
        const [row = 0, k = 0] = elementAt(operand, place);
        expect(weightLayout.offset([expert, rowOf(block, row), slice * 128 + k])).toBe(byte * 2 + nibble);
      }
    }
  });

  it('is the scale of the block in its dword, at the byte of opsel', () => {
    for (const [expert, block, slice, row, group] of everyCoord([E, N / 16, K / 128, 16, 4]) as Iterable<
      [number, number, number, number, number]
    >) {
      const { lane } = registerOf(scales, [0, row, group]);
      const { dword, opsel } = scaleLoad(sizes, { expert, block, slice }, lane);
      const offset = scaleLayout.offset([expert * N + rowOf(block, row), slice * 4 + group]);
      expect(offset).toBe(dword * 4 + opsel);
      expect(registerOf(scales, [opsel, row, group])).toEqual({ lane, vgpr: 0, byte: opsel, nibble: 0 });
    }
  });
});

describe('errors', () => {
  it('needs whole tiles', () =>
    expect(() => weightLoadByte({ rows: 20, columns: 128 }, { expert: 0, block: 0, slice: 0 }, 0)).toThrow(
      'v_mfma_scale_f32_16x16x128_f8f6f4: a weight of 20 x 128 has no whole tiles of 16 rows by 128 columns; pad it.',
    ));
  it('needs a tile and lane that exist', () =>
    expect(() => scaleLoad(sizes, { expert: 0, block: 4, slice: 0 }, 64)).toThrow(
      'expert 0, row block 4, slice 0, lane 64 is outside an expert of 4 row blocks by 2 slices and 64 lanes.',
    ));
});
