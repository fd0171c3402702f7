import { describe, expect, it } from 'vitest';
import type { Grid, Paint } from '../../../src/visualizer/model/grid.ts';
import { linesOf } from '../../../src/visualizer/render/borders.ts';
import { crossed, hatched } from '../../../src/visualizer/render/marks.ts';
import { Painter, shiftPicture } from '../../../src/visualizer/render/painter.ts';
import { type Picture, paintCells } from '../../../src/visualizer/render/raster.ts';
import { refineRows } from '../../../src/visualizer/render/refine.ts';
import { cellOfPixel, firstPixel, wholeRegion } from '../../../src/visualizer/render/samples.ts';
import { paintToPixels } from '../../../src/visualizer/render/to-pixels.ts';
import type { RasterView } from '../../../src/visualizer/render/viewport.ts';
import { colorOfKey, keyPaint, plainGrid } from './grids.ts';

function pictureOf({ width, height }: Pick<RasterView, 'width' | 'height'>): Picture {
  return { width, height, data: new Uint32Array(width * height).fill(0x12345678) };
}

function painted(grid: Grid, view: RasterView, step = 1, paint: Paint = keyPaint): Picture {
  const picture = pictureOf(view);
  paintCells(grid, paint, view, picture, wholeRegion(view), step);
  return picture;
}

const VIEWS: readonly RasterView[] = [
  { originX: 0, originY: 0, cell: 7.3, width: 90, height: 61 },
  { originX: 35, originY: 1000, cell: 10.5, width: 120, height: 50 },
  { originX: 11, originY: 3, cell: 1, width: 70, height: 40 },
  { originX: 5, originY: 2, cell: 1.4, width: 70, height: 40 },
  { originX: 3, originY: 7, cell: 0.31, width: 60, height: 40 },
  { originX: 0, originY: 0, cell: 0.02, width: 60, height: 40 },
];

describe('paintCells', () => {
  it.each(VIEWS)('paints the same with and without bases: $cell pixels a cell', (view) => {
    for (const step of [1, 3]) {
      const one = painted(plainGrid(200, 300, true), view, step);
      expect(one.data).toEqual(painted(plainGrid(200, 300, false), view, step).data);
    }
  });

  it('gives every pixel the colour of the cell under its middle', () => {
    const grid = plainGrid(40, 50, true);
    for (const view of VIEWS.filter(({ cell }) => cell >= 1)) {
      const { data } = painted(grid, view);
      for (let y = 0; y < view.height; y += 1) {
        for (let x = 0; x < view.width; x += 1) {
          const row = Math.floor((view.originY + y + 0.5) / view.cell);
          const column = Math.floor((view.originX + x + 0.5) / view.cell);
          const expected = row < grid.rows && column < grid.columns ? colorOfKey(grid.keyAt(row, column)) : 0;
          expect(data[y * view.width + x]).toBe(expected);
        }
      }
    }
  });

  it('leaves cells without a key transparent', () => {
    const grid: Grid = { ...plainGrid(4, 4, false), keyAt: (row, column) => (row === 2 && column > 1 ? -1 : row) };
    const { data } = painted(grid, { originX: 0, originY: 0, cell: 1, width: 4, height: 4 });
    expect([...data.slice(8, 12)]).toEqual([colorOfKey(2), colorOfKey(2), 0, 0]);
  });

  it('never asks a paint for the colour of no element', () => {
    const grid: Grid = { ...plainGrid(9, 9, false), keyAt: (row, column) => ((row + column) % 3 === 0 ? -1 : row) };
    const paint: Paint = {
      ...keyPaint,
      fill(keys, count, out) {
        expect([...keys.slice(0, count)].every((key) => key >= 0)).toBe(true);
        keyPaint.fill(keys, count, out);
      },
    };
    painted(grid, { originX: 0, originY: 0, cell: 2, width: 18, height: 18 }, 1, paint);
  });

  it('hatches padding and crosses NaN where cells are large enough, and is opaque there', () => {
    const paint: Paint = {
      ...keyPaint,
      fill: (keys, count, out) => {
        for (let at = 0; at < count; at += 1) out[at] = keys[at] === 0 ? hatched(0xff888888) : crossed(0xff3344aa);
      },
    };
    const large = painted(plainGrid(1, 2, true), { originX: 0, originY: 0, cell: 16, width: 32, height: 16 }, 1, paint);
    const colors = (from: number): Set<number> =>
      new Set([...large.data].filter((_, at) => Math.floor((at % 32) / 16) === from));
    expect(colors(0).size).toBe(2);
    expect(colors(1).size).toBe(2);
    expect([...large.data].every((color) => color >>> 24 === 0xff)).toBe(true);
    const small = painted(plainGrid(1, 2, true), { originX: 0, originY: 0, cell: 2, width: 4, height: 2 }, 1, paint);
    expect(new Set(small.data)).toEqual(new Set([0xff888888, 0xff3344aa]));
  });
});

describe('samples', () => {
  it('agree on where cells begin', () => {
    for (const cell of [1, 1.37, 2.5, 7.3, 40]) {
      for (let index = 0; index < 200; index += 1) {
        const pixel = firstPixel(index, cell);
        expect(cellOfPixel(pixel, cell, 1000)).toBe(index);
        if (index > 0) expect(cellOfPixel(pixel - 1, cell, 1000)).toBe(index - 1);
      }
    }
  });
  it('put border lines on the first pixels of blocks', () => {
    expect(linesOf(0, 2.5, 100, 4, 0, 35)).toEqual([10, 20, 30]);
    expect(linesOf(15, 2.5, 100, 4, 0, 20, 2)).toEqual([5, 6, 15, 16]);
    expect(linesOf(0, 10, 8, 4, 0, 200)).toEqual([40]);
  });
});

describe('refineRows', () => {
  it('averages every cell of a pixel where there are few', () => {
    // Black and white columns alternate: each pixel of two columns is half as bright, whatever the phase.
    const paint: Paint = {
      ...keyPaint,
      fill: (keys, count, out) => {
        for (let at = 0; at < count; at += 1) out[at] = (keys[at] as number) % 2 === 0 ? 0xff000000 : 0xffffffff;
      },
    };
    const view = { originX: 0, originY: 0, cell: 0.5, width: 40, height: 20 };
    const picture = pictureOf(view);
    refineRows(plainGrid(40, 80, true), paint, view, picture, 0, 20);
    expect(new Set(picture.data)).toEqual(new Set([0xffbcbcbc]));
  });
  it('shows no stripes where a periodic layout meets the pixels', () => {
    const paint: Paint = {
      ...keyPaint,
      fill: (keys, count, out) => {
        for (let at = 0; at < count; at += 1) out[at] = (keys[at] as number) % 16 < 8 ? 0xff000000 : 0xffffffff;
      },
    };
    const view = { originX: 0, originY: 0, cell: 1 / 17, width: 120, height: 60 };
    const picture = pictureOf(view);
    refineRows(plainGrid(1020, 2040, true), paint, view, picture, 0, 60);
    const columns = Array.from({ length: 8 }, (_, part) => {
      const bytes = [...picture.data]
        .filter((_, at) => Math.floor((at % 120) / 15) === part)
        .map((color) => color & 0xff);
      return bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
    });
    expect(Math.max(...columns) - Math.min(...columns)).toBeLessThan(80);
  });
  it('paints the same rows in pieces as at once', () => {
    const grid = plainGrid(300, 300, true);
    const view = { originX: 2, originY: 3, cell: 0.2, width: 50, height: 50 };
    const [whole, pieces] = [pictureOf(view), pictureOf(view)];
    refineRows(grid, keyPaint, view, whole, 0, 50);
    for (const [top, bottom] of [
      [0, 7],
      [7, 30],
      [30, 50],
    ] as const)
      refineRows(grid, keyPaint, view, pieces, top, bottom);
    expect(pieces.data).toEqual(whole.data);
  });
});

describe('shiftPicture', () => {
  it.each([
    [3, 0],
    [-3, 0],
    [0, 4],
    [0, -4],
    [2, 3],
    [-2, 3],
    [2, -3],
    [-5, -6],
  ])('moves by %i, %i', (dx, dy) => {
    const grid = plainGrid(100, 100, true);
    const view = { originX: 50, originY: 40, cell: 2.5, width: 31, height: 23 };
    const picture = painted(grid, view);
    const moved = { ...view, originX: view.originX - dx, originY: view.originY - dy };
    for (const region of shiftPicture(picture, dx, dy)) paintCells(grid, keyPaint, moved, picture, region);
    expect(picture.data).toEqual(painted(grid, moved).data);
  });
});

describe('Painter', () => {
  const style = { border: 0xff000000, ratio: 1, glyphs: () => undefined };
  const grid = plainGrid(4096, 4096, true);

  it('ends with the same picture however it got there', () => {
    const views = [
      { originX: 0, originY: 0, cell: 9.5, width: 200, height: 100 },
      { originX: 40, originY: 10, cell: 9.5, width: 200, height: 100 },
      { originX: 35, originY: 90, cell: 9.5, width: 200, height: 100 },
    ];
    const [moving, direct] = [new Painter(() => 0), new Painter(() => 0)];
    for (const view of views) moving.move(grid, keyPaint, view, style);
    direct.move(grid, keyPaint, views[2] as RasterView, style);
    expect(moving.picture.data).toEqual(direct.picture.data);
    expect(moving.isFinished).toBe(true);
  });

  it('gets coarser when frames are slow, finer when they are fast, and perfect at rest', () => {
    let now = 0;
    let cost = 30;
    const painter = new Painter(() => {
      now += cost / 2;
      return now;
    });
    const view = (zoom: number): RasterView => ({ originX: 0, originY: 0, cell: 1 + zoom, width: 120, height: 80 });
    for (let frame = 0; frame < 8; frame += 1) painter.move(grid, keyPaint, view(frame / 10), style);
    const runs = (): number =>
      [...painter.picture.data.slice(0, 119)].filter((color, at) => color !== painter.picture.data[at + 1]).length;
    expect(runs()).toBeLessThan(30);
    expect(painter.isFinished).toBe(false);
    cost = 0.1;
    for (let frame = 8; frame > 0; frame -= 1) painter.move(grid, keyPaint, view(frame / 10), style);
    painter.move(grid, keyPaint, view(0), style);
    expect(runs()).toBeGreaterThan(100);
    while (!painter.isFinished) painter.rest(7);
    const fresh = new Painter(() => 0);
    fresh.move(grid, keyPaint, view(0), style);
    expect(painter.picture.data).toEqual(fresh.picture.data);
  });

  it('refines a minified picture at rest in pieces', () => {
    let now = 0;
    const painter = new Painter(() => {
      now += 1;
      return now;
    });
    painter.move(grid, keyPaint, { originX: 0, originY: 0, cell: 0.3, width: 100, height: 90 }, style);
    let pieces = 0;
    for (; !painter.isFinished; pieces += 1) painter.rest(7);
    expect(pieces).toBeGreaterThan(1);
  });
});

describe('paintToPixels', () => {
  it('paints a rectangle of cells', () => {
    const grid = plainGrid(10, 10, true);
    const { width, height, data } = paintToPixels(grid, keyPaint, { row: 2, column: 3, rows: 4, columns: 100 }, 3);
    expect([width, height]).toEqual([21, 12]);
    expect(data[0]).toBe(colorOfKey(23));
    expect(data.at(-1)).toBe(colorOfKey(59));
  });
  it('averages below a pixel a cell, and draws borders where asked', () => {
    const grid = plainGrid(64, 64, true);
    const rect = { row: 0, column: 0, rows: 64, columns: 64 };
    expect(paintToPixels(grid, keyPaint, rect, 0.25).width).toBe(16);
    const bordered = paintToPixels(grid, keyPaint, rect, 2, { border: 0xff000000 });
    const plain = paintToPixels(grid, keyPaint, rect, 2);
    const changed = [...plain.data].flatMap((color, at) => (color === bordered.data[at] ? [] : [at % 128]));
    expect(changed).toContain(64);
  });
});
