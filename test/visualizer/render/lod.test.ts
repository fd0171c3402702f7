import { describe, expect, it } from 'vitest';
import type { Grid } from '../../../src/visualizer/model/grid.ts';
import { drawCellTexts, type Glyphs } from '../../../src/visualizer/render/cell-text.ts';
import { gridCommand, type KeyPress } from '../../../src/visualizer/render/grid-keys.ts';
import { cellDetail, fittingLines, showsBlock } from '../../../src/visualizer/render/lod.ts';
import { RelatedSearch } from '../../../src/visualizer/render/related.ts';
import { rulerMargins, shortLabel, ticks } from '../../../src/visualizer/render/rulers.ts';
import { wholeRegion } from '../../../src/visualizer/render/samples.ts';
import { keyPaint, plainGrid } from './grids.ts';

describe('levels of detail', () => {
  it('follow the size of a cell', () => {
    expect([0.3, 3.9, 4, 11.9, 12, 24, 24.1, 100].map(cellDetail)).toEqual([
      'color',
      'color',
      'border',
      'border',
      'code',
      'code',
      'text',
      'text',
    ]);
  });
  it('draw blocks that are large enough, however small their cells', () => {
    expect([showsBlock(5760, 0.002), showsBlock(16, 0.3), showsBlock(16, 0.4), showsBlock(1, 20)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});

describe('fittingLines', () => {
  const lines = ['0x7f', '-0.15625', '0x12a', '3,96'];
  it('keeps lines whole and in their places', () => {
    expect(fittingLines(lines, 12, 9)).toEqual(lines);
    expect(fittingLines(lines, 5, 3)).toEqual(['0x7f', '…', '0x12a']);
    expect(fittingLines(lines, 3, 1)).toEqual(['7f']);
  });
  it('leaves a cell plain that cannot even hold its code', () => {
    expect(fittingLines(lines, 1, 4)).toEqual([]);
  });
});

describe('drawCellTexts', () => {
  const glyphs: Glyphs = { width: 5, height: 9, alphaOf: () => new Uint8Array(45).fill(255) };
  it('writes inside the cells only', () => {
    const grid = plainGrid(3, 3, true);
    const view = { originX: 0, originY: 0, cell: 30, width: 90, height: 90 };
    const picture = { width: 90, height: 90, data: new Uint32Array(8100).fill(0xff777777) };
    drawCellTexts(grid, keyPaint, view, picture, wholeRegion(view), glyphs, 1);
    const inked = [...picture.data].flatMap((color, at) => (color === 0xff777777 ? [] : [at]));
    expect(inked.length).toBeGreaterThan(0);
    // Two lines of up to three characters of 5 by 9 pixels, centred: cell borders stay free.
    expect(inked.every((at) => (at % 90) % 30 >= 2 && (at % 90) % 30 < 28)).toBe(true);
  });
  it('writes the same in two regions as in one', () => {
    const grid = plainGrid(30, 30, true);
    const view = { originX: 7, originY: 5, cell: 26, width: 150, height: 100 };
    const [whole, parts] = [0, 1].map(() => ({ width: 150, height: 100, data: new Uint32Array(15000) }));
    if (whole === undefined || parts === undefined) throw new Error('two pictures');
    drawCellTexts(grid, keyPaint, view, whole, wholeRegion(view), glyphs, 1);
    for (const [left, right] of [
      [0, 41],
      [41, 150],
    ] as const)
      drawCellTexts(grid, keyPaint, view, parts, { left, right, top: 0, bottom: 100 }, glyphs, 1);
    expect(parts.data).toEqual(whole.data);
  });
});

describe('ticks', () => {
  it('are powers of two with room for their labels', () => {
    expect(ticks(0, 100, 10, 45, 4096)).toEqual([0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96]);
    expect(ticks(13.5, 20, 40, 30, 4096)).toEqual([13, 14, 15, 16, 17, 18, 19]);
  });
  it('begin anew with every expert, and then count experts', () => {
    expect(ticks(5000, 8000, 0.1, 60, 5760)).toEqual([5120, 5760, 6784, 7808]);
    expect(ticks(0, 40_000, 0.02, 60, 5760)).toEqual([0, 5760, 11_520, 17_280, 23_040, 28_800, 34_560]);
    expect(ticks(0, 100_000, 0.005, 60, 5760)).toEqual([0, 23_040, 46_080, 69_120, 92_160]);
  });
  it('are never closer than asked', () => {
    for (const scale of [0.003, 0.07, 0.5, 3, 17]) {
      for (const block of [96, 5760, 4096]) {
        const found = ticks(1234.5, 1234.5 + 800 / scale, scale, 50, block);
        for (let at = 1; at < found.length; at += 1)
          expect(((found[at] as number) - (found[at - 1] as number)) * scale).toBeGreaterThanOrEqual(50 - 1e-9);
      }
    }
  });
});

describe('rulers', () => {
  it('are as wide as the longest label, unless the canvas is narrow', () => {
    expect(rulerMargins(plainGrid(6400, 8, true), 1000).left).toBe(Math.ceil(9 * 6.35) + 10);
    expect(rulerMargins(plainGrid(6400, 8, true), 200).left).toBe(56);
    expect(shortLabel('e=3 n=517', 6)).toBe('n=517');
    expect(shortLabel('e=3 n=517', 9)).toBe('e=3 n=517');
  });
});

describe('gridCommand', () => {
  const grid = plainGrid(64, 128, true);
  const press = (key: string, modifiers: Partial<KeyPress> = {}): KeyPress => ({
    key,
    shiftKey: false,
    altKey: false,
    ctrlKey: false,
    metaKey: false,
    ...modifiers,
  });
  const at = { row: 10, column: 127 };
  it('moves by cells, blocks and in memory', () => {
    expect(gridCommand(press('ArrowUp'), grid, at, 5)).toEqual({ kind: 'move', to: { row: 9, column: 127 } });
    expect(gridCommand(press('ArrowRight'), grid, at, 5)).toEqual({ kind: 'move', to: at });
    expect(gridCommand(press('ArrowDown', { shiftKey: true }), grid, at, 5)).toEqual({
      kind: 'move',
      to: { row: 26, column: 127 },
    });
    expect(gridCommand(press('ArrowLeft', { shiftKey: true }), grid, at, 5)).toEqual({
      kind: 'move',
      to: { row: 10, column: 119 },
    });
    expect(gridCommand(press('ArrowRight', { altKey: true }), grid, at, 5)).toEqual({
      kind: 'move',
      to: { row: 11, column: 0 },
    });
  });
  it('skips padding in memory and stops at its end', () => {
    const holes: Grid = { ...grid, cellOf: (key) => (key % 4 === 0 ? { row: 0, column: key % 128 } : undefined) };
    expect(gridCommand(press('ArrowRight', { altKey: true }), holes, { row: 0, column: 0 }, 5)).toEqual({
      kind: 'move',
      to: { row: 0, column: 4 },
    });
    expect(gridCommand(press('ArrowLeft', { altKey: true }), grid, { row: 0, column: 0 }, 5)).toEqual({
      kind: 'move',
      to: { row: 0, column: 0 },
    });
  });
  it('goes to ends, zooms, fits, picks and leaves', () => {
    expect(gridCommand(press('Home'), grid, at, 5)).toEqual({ kind: 'move', to: { row: 10, column: 0 } });
    expect(gridCommand(press('End', { ctrlKey: true }), grid, at, 5)).toEqual({
      kind: 'move',
      to: { row: 63, column: 127 },
    });
    expect(gridCommand(press('PageDown'), grid, at, 5)).toEqual({ kind: 'move', to: { row: 15, column: 127 } });
    expect(gridCommand(press('+'), grid, at, 5)).toEqual({ kind: 'zoom', factor: 1.5 });
    expect(gridCommand(press('0'), grid, at, 5)).toEqual({ kind: 'fit' });
    expect(gridCommand(press('Enter', { shiftKey: true }), grid, at, 5)).toEqual({ kind: 'pick', add: true });
    expect(gridCommand(press('Escape'), grid, at, 5)).toEqual({ kind: 'leave' });
  });
  it('leaves other keys to the page and the browser', () => {
    for (const key of ['a', '/', '1', '[', 'Tab']) expect(gridCommand(press(key), grid, at, 5)).toBeUndefined();
    expect(gridCommand(press('+', { ctrlKey: true }), grid, at, 5)).toBeUndefined();
    expect(gridCommand(press('ArrowLeft', { metaKey: true }), grid, at, 5)).toBeUndefined();
  });
});

describe('RelatedSearch', () => {
  it('finds visible cells in as many steps as it is given', () => {
    const grid = plainGrid(100, 100, true);
    const view = { originX: 0, originY: 0, cell: 10, width: 500, height: 300 };
    const search = new RelatedSearch(grid, view, (key) => key % 1000 === 7);
    let now = 0;
    const clock = (): number => {
      now += 1;
      return now;
    };
    let calls = 1;
    while (!search.search(2, clock)) calls += 1;
    expect(calls).toBeGreaterThan(1);
    expect(search.found).toEqual([0, 7, 10, 7, 20, 7]);
  });
});
