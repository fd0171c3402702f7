import { describe, expect, it } from 'vitest';
import {
  loadRegisters,
  MFMA_MAPS,
  mfmaMap,
  mfmaRegisters,
  registerOf,
  rowMajor,
  shuffleWeight,
  weightLoadByte,
} from '../../src/layout/index.ts';

describe('loadRegisters', () => {
  it.each([4, 8, 16] as const)('%i bytes a lane: every element once, and back', (bytes) => {
    for (const bits of [4, 8, 16, 32]) {
      const layout = rowMajor([48, 40]);
      const map = loadRegisters(bytes);
      const seen = new Set<string>();
      for (let offset = 0; offset < layout.storageSize; offset += 1) {
        const place = map.placeOf(layout, offset, bits);
        if (place === undefined) throw new Error('a load holds every element');
        expect(place.lane).toBeLessThan(64);
        expect(place.vgpr).toBeLessThan(map.vgprs);
        expect(place.tile).toBeLessThan(map.tiles(layout, bits));
        expect(map.offsetAt(layout, place, bits)).toBe(offset);
        seen.add(JSON.stringify(place));
      }
      expect(seen.size).toBe(layout.storageSize);
    }
  });
  it('agrees with what a kernel loads of a preshuffled fp4 weight', () => {
    const layout = shuffleWeight([32, 256], { bits: 4 });
    const map = loadRegisters(16);
    for (let lane = 0; lane < 64; lane += 1) {
      const byte = weightLoadByte({ rows: 32, columns: 256 }, { expert: 0, block: 1, slice: 1 }, lane);
      expect(map.placeOf(layout, byte * 2, 4)).toEqual({ tile: 3, lane, vgpr: 0, byte: 0, nibble: 0 });
    }
  });
  it('has nothing beyond the end', () => {
    const place = { tile: 1, lane: 0, vgpr: 0, byte: 0, nibble: 0 } as const;
    expect(loadRegisters(16).offsetAt(rowMajor([4, 8]), place, 8)).toBeUndefined();
  });
});

describe('mfmaRegisters', () => {
  it.each(MFMA_MAPS.filter(({ operand }) => operand !== 'scale'))('$layout.id: every element once, and back', (map) => {
    const [rows = 0, columns = 0] = map.layout.shape;
    const layout = rowMajor([2, rows + 3, 2 * columns]);
    const registers = mfmaRegisters(map);
    const seen = new Set<string>();
    for (let offset = 0; offset < layout.storageSize; offset += 1) {
      const place = registers.placeOf(layout, offset, map.bits);
      if (place === undefined) throw new Error('row-major has no padding');
      const [, row = 0, column = 0] = layout.coord(offset) ?? [];
      const { tile, ...register } = place;
      expect(register).toEqual(registerOf(map, [row % rows, column % columns]));
      expect(tile).toBeLessThan(registers.tiles(layout, map.bits));
      expect(registers.offsetAt(layout, place, map.bits)).toBe(offset);
      seen.add(JSON.stringify(place));
    }
    expect(seen.size).toBe(layout.storageSize);
  });
  it('agrees with the load of a preshuffled weight, lane by lane: that is what the shuffle is for', () => {
    const layout = shuffleWeight([32, 256], { bits: 4 });
    const load = loadRegisters(16);
    const wants = mfmaRegisters(mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'B', 4));
    for (let offset = 0; offset < layout.storageSize; offset += 1)
      expect(load.placeOf(layout, offset, 4)).toEqual(wants.placeOf(layout, offset, 4));
  });
  it('refuses the map of a scale', () => {
    expect(() => mfmaRegisters(mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'scale'))).toThrow(
      'v_mfma_scale_f32_16x16x128_f8f6f4 scale 8 bits has 3 dimensions, expected the 2 of an operand A, B or C/D.',
    );
  });
});
