import { describe, expect, it } from 'vitest';
import {
  loadRegisters,
  MFMA_MAPS,
  mfmaMap,
  mfmaRegisters,
  rowMajor,
  shuffleWeight,
} from '../../../../src/layout/index.ts';
import { placeOf, registerGrid } from '../../../../src/visualizer/model/grids/index.ts';
import { mfmaRef } from '../../../../src/visualizer/model/layout-ref.ts';
import { allKeys, EXAMPLES, gridProblems } from './support.ts';

describe('registerGrid of loads', () => {
  it.each(EXAMPLES)('%s: the tiles hold every storage element once', (_, layout, bits) => {
    for (const bytes of [4, 8, 16] as const) {
      const registers = loadRegisters(bytes);
      const seen = new Set<number>();
      for (let tile = 0; tile < registers.tiles(layout, bits); tile += 1) {
        const grid = registerGrid({ layout, registers, bits, tile });
        expect([grid.rows, grid.columns]).toEqual([64, (bytes * 8) / bits]);
        const first = (tile * 64 * bytes * 8) / bits;
        const keys = [...allKeys(layout)].filter((key) => key >= first && key < first + 64 * grid.columns);
        expect(gridProblems(grid, new Set(keys))).toEqual([]);
        for (const key of keys) seen.add(key);
      }
      expect(seen.size).toBe(layout.storageSize);
    }
  });
  it('shows no element of another tile', () => {
    const layout = rowMajor([64, 64]);
    const grid = registerGrid({ layout, registers: loadRegisters(16), bits: 8, tile: 1 });
    expect(grid.cellOf(1023)).toBeUndefined();
    expect(grid.cellOf(1024 + 17)).toEqual({ row: 1, column: 1 });
    expect(grid.cellOf(-1)).toBeUndefined();
  });
  it('puts elements of 64 bits in the first of their registers', () => {
    const layout = rowMajor([16, 16]);
    const grid = registerGrid({ layout, registers: loadRegisters(16), bits: 64, tile: 0 });
    expect(grid.columns).toBe(2);
    expect([grid.keyAt(0, 1), grid.keyAt(1, 0), grid.columnLabel(1)]).toEqual([1, 2, 'v2']);
  });
});

describe('registerGrid of matrix operands', () => {
  it.each(MFMA_MAPS.filter(({ operand }) => operand !== 'scale').map((map) => [mfmaRef(map), map] as const))(
    '%s: its tile in one piece',
    (_, map) => {
      const registers = mfmaRegisters(map);
      const grid = registerGrid({ layout: map.layout, registers, bits: map.bits, registerBits: map.bits, tile: 0 });
      expect(gridProblems(grid, allKeys(map.layout))).toEqual([]);
    },
  );
  it('names bits of registers', () => {
    const map = mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'B', 4);
    const registers = mfmaRegisters(map);
    const layout = shuffleWeight([32, 256], { bits: 4 });
    const grid = registerGrid({ layout, registers, bits: 4, registerBits: 4, tile: 3 });
    expect([grid.rowLabel(37), grid.columnLabel(18)]).toEqual(['lane 37', 'v2[11:8]']);
    expect(grid.blocks).toEqual([{ rows: 1, columns: 8, kind: 'line' }]);
    const key = grid.keyAt(37, 18);
    expect(placeOf({ layout, registers, bits: 4 }, key)).toEqual({ tile: 3, lane: 37, vgpr: 2, byte: 1, nibble: 0 });
  });
  it('shows where tiles hang over the edge', () => {
    const map = mfmaMap('v_mfma_f32_16x16x32_fp8_fp8', 'B');
    const grid = registerGrid({
      layout: rowMajor([20, 40]),
      registers: mfmaRegisters(map),
      bits: 8,
      registerBits: 8,
      tile: 3,
    });
    const held = Array.from({ length: 64 * 8 }, (_, cell) => grid.keyAt(Math.floor(cell / 8), cell % 8)).filter(
      (key) => key !== -1,
    );
    expect(held.length).toBe(4 * 8);
  });
  it('takes the width of the operand where the tensor has another', () => {
    const map = mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'B', 4);
    const layout = rowMajor([16, 128]);
    const grid = registerGrid({ layout, registers: mfmaRegisters(map), bits: 8, registerBits: 4, tile: 0 });
    expect(gridProblems(grid, allKeys(layout))).toEqual([]);
  });
});
