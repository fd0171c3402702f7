import { describe, expect, it } from 'vitest';
import { rowMajor, shuffleScale, shuffleWeight } from '../../../../src/layout/index.ts';
import { layoutTile, logicalGrid } from '../../../../src/visualizer/model/grids/index.ts';
import { resolveLayout } from '../../../../src/visualizer/model/layout-ref.ts';
import { EXAMPLES, elementKeys, gridProblems } from './support.ts';

describe('logicalGrid', () => {
  it.each(EXAMPLES)('%s: every element in one cell, padding in none', (_, layout) => {
    const grid = logicalGrid(layout);
    expect([grid.rows, grid.columns]).toEqual([layout.size / (layout.shape.at(-1) ?? 1), layout.shape.at(-1)]);
    expect(gridProblems(grid, elementKeys(layout))).toEqual([]);
  });
  it('has no cell for padding, nor for what lies outside', () => {
    const layout = shuffleScale([100, 11]);
    const grid = logicalGrid(layout);
    for (let key = 0; key < layout.storageSize; key += 1) {
      expect(grid.cellOf(key) === undefined).toBe(layout.coord(key) === undefined);
    }
    expect(grid.cellOf(-1)).toBeUndefined();
    expect(grid.cellOf(layout.storageSize)).toBeUndefined();
  });
  it('names rows and columns by their dimensions', () => {
    const grid = logicalGrid(shuffleWeight([3, 64, 128]));
    expect(grid.rowLabel(2 * 64 + 17)).toBe('e=2 n=17');
    expect(grid.columnLabel(96)).toBe('k=96');
  });
  it('walks a tensor of 737 280 rows without an array', () => {
    const layout = shuffleWeight([128, 5760, 2880], { bits: 4 });
    const grid = logicalGrid(layout);
    expect(grid.rows).toBe(737_280);
    expect(grid.keyAt(737_279, 2879)).toBe(layout.offset([127, 5759, 2879]));
    expect(grid.cellOf(layout.offset([100, 5000, 77]))).toEqual({ row: 100 * 5760 + 5000, column: 77 });
  });
  it('draws a single dimension as one row', () => {
    const grid = logicalGrid(rowMajor([7]));
    expect([grid.rows, grid.columns, grid.rowLabel(0), grid.columnLabel(3)]).toEqual([1, 7, '', 'd0=3']);
    expect(gridProblems(grid, elementKeys(rowMajor([7])))).toEqual([]);
  });
  it('borders experts, tiles and scale blocks, coarse ones first', () => {
    const layout = shuffleWeight([2, 64, 256], { bits: 4 });
    expect(logicalGrid(layout, { scaleBlock: [1, 1, 32] }).blocks).toEqual([
      { rows: 64, columns: 256, kind: 'expert' },
      { rows: 16, columns: 64, kind: 'tile' },
      { rows: 1, columns: 32, kind: 'scale' },
    ]);
  });
  it('leaves out borders of blocks that do not begin anew with an expert', () => {
    const layout = rowMajor([2, 100, 256]);
    expect(logicalGrid(layout, { scaleBlock: [1, 128, 128] }).blocks).toEqual([
      { rows: 100, columns: 256, kind: 'expert' },
    ]);
    expect(logicalGrid(rowMajor([100, 256]), { scaleBlock: [128, 128] }).blocks).toEqual([
      { rows: 128, columns: 128, kind: 'scale' },
    ]);
  });
});

describe('layoutTile', () => {
  it.each([
    ['row-major', [64, 128], 8, 1, 1],
    ['shuffle_weight(16,16)', [64, 128], 8, 16, 32],
    ['shuffle_weight(16,16)', [64, 128], 4, 16, 64],
    ['shuffle_weight(32,16)', [64, 128], 8, 32, 32],
    ['shuffle_weight(guinterleave,gate_up)', [2, 64, 128], 8, 16, 64],
    ['shuffle_weight_NK', [64, 128], 8, 16, 32],
    ['moe_shuffle_weight_gfx1250', [2, 32, 64], 8, 8, 32],
    ['gate_up_interleaved', [2, 16, 8], 8, 1, 1],
    ['shuffle_scale', [256, 8], 8, 32, 8],
    ['shuffle_mxfp8fp4_a', [4, 256], 8, 2, 128],
  ])('%s %j %i bits: %i x %i', (ref, shape, bits, rows, columns) => {
    expect(layoutTile(resolveLayout(ref, shape, { bits }).layout)).toEqual({ rows, columns });
  });
});
