import { describe, expect, it } from 'vitest';
import {
  cellAt,
  centreOn,
  clampViewport,
  fitViewport,
  MAX_SCALE,
  panBy,
  rasterView,
  scrollTo,
  wholeScale,
  zoomAbout,
} from '../../../src/visualizer/render/viewport.ts';

const extent = { rows: 4096, columns: 2048 };
const size = { width: 1000, height: 700 };

describe('fitViewport', () => {
  it('shows a whole grid', () => {
    expect(fitViewport(extent, size)).toEqual({ row: 0, column: 0, scale: 700 / 4096 });
  });
  it('keeps the cells of a small grid small', () => {
    expect(fitViewport({ rows: 4, columns: 4 }, size).scale).toBe(36);
  });
  it('fits a grid by its shorter side that would be a line otherwise', () => {
    expect(fitViewport({ rows: 737_280, columns: 2880 }, size).scale).toBeCloseTo(1000 / 2880);
    expect(fitViewport({ rows: 2, columns: 1_000_000 }, size).scale).toBe(36);
  });
});

describe('clampViewport', () => {
  it('begins inside the grid and fills at least a quarter of the plot', () => {
    expect(clampViewport({ row: 5000, column: -3, scale: 10 }, extent, size)).toEqual({
      row: 4096 - 17.5,
      column: 0,
      scale: 10,
    });
  });
  it('does not move a grid that fills less than that', () => {
    expect(clampViewport({ row: 1, column: 1, scale: 10 }, { rows: 3, columns: 4 }, size)).toEqual({
      row: 0,
      column: 0,
      scale: 36,
    });
  });
  it('keeps scales between the whole grid and the largest cell', () => {
    expect(clampViewport({ row: 0, column: 0, scale: 1e-6 }, extent, size).scale).toBe(wholeScale(extent, size));
    expect(clampViewport({ row: 0, column: 0, scale: 1e6 }, extent, size).scale).toBe(MAX_SCALE);
  });
});

describe('zoomAbout', () => {
  it('keeps the cell under the cursor', () => {
    let viewport = { row: 900, column: 700, scale: 3 };
    const [x, y] = [321, 456];
    const column = viewport.column + x / viewport.scale;
    const row = viewport.row + y / viewport.scale;
    for (const factor of [1.3, 1.7, 0.8, 2, 0.5]) {
      viewport = zoomAbout(viewport, factor, x, y, extent, size);
      expect(viewport.column + x / viewport.scale).toBeCloseTo(column);
      expect(viewport.row + y / viewport.scale).toBeCloseTo(row);
    }
  });
  it('keeps it while the grid grows larger than the plot', () => {
    let viewport = fitViewport(extent, size);
    const [x, y] = [90, 600];
    const column = x / viewport.scale;
    const row = y / viewport.scale;
    for (let turn = 0; turn < 20; turn += 1) viewport = zoomAbout(viewport, 1.4, x, y, extent, size);
    expect(viewport.column + x / viewport.scale).toBeCloseTo(column);
    expect(viewport.row + y / viewport.scale).toBeCloseTo(row);
  });
  it('does not drift at the largest scale', () => {
    const viewport = { row: 100, column: 100, scale: MAX_SCALE };
    expect(zoomAbout(viewport, 2, 300, 300, extent, size)).toEqual(viewport);
  });
});

describe('movement', () => {
  const viewport = { row: 100, column: 100, scale: 10 };
  it('pans by pixels', () => {
    expect(panBy(viewport, 50, -20, extent, size)).toEqual({ row: 102, column: 95, scale: 10 });
  });
  it('centres a cell', () => {
    const { row, column } = centreOn(viewport, 500, 600, extent, size);
    expect(cellAt({ row, column, scale: 10 }, 500, 350, extent)).toEqual({ row: 500, column: 600 });
  });
  it('scrolls no farther than needed, and not at all to a visible cell', () => {
    expect(scrollTo(viewport, 120, 150, extent, size)).toEqual(viewport);
    expect(scrollTo(viewport, 170, 150, extent, size)).toEqual({ ...viewport, row: 103 });
    expect(scrollTo(viewport, 120, 40, extent, size)).toEqual({ ...viewport, column: 38 });
    expect(scrollTo(viewport, 4095, 100, extent, size).row).toBe(4096 - 70);
  });
});

describe('cellAt', () => {
  it('finds cells, and none beside the grid', () => {
    expect(cellAt({ row: 2.5, column: 0, scale: 8 }, 9, 5, extent)).toEqual({ row: 3, column: 1 });
    expect(cellAt({ row: 0, column: 0, scale: 8 }, 40, 0, { rows: 5, columns: 5 })).toBeUndefined();
  });
});

describe('rasterView', () => {
  it('puts the grid on whole device pixels', () => {
    expect(rasterView({ row: 1.26, column: 3.3, scale: 7 }, size, 1.5)).toEqual({
      originX: 35,
      originY: 13,
      cell: 10.5,
      width: 1500,
      height: 1050,
    });
  });
});
