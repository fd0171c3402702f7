import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { makePaint } from '../../../src/visualizer/model/colors.ts';
import { logicalGrid } from '../../../src/visualizer/model/grids/index.ts';
import { cssColor } from '../../../src/visualizer/model/oklab.ts';
import { parsePermalink } from '../../../src/visualizer/model/permalink.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();

/** The logical view of a scene alone. */
async function openGrid(hash: string): Promise<{ page: Page; grid: Locator }> {
  const page = await visualizer.openPage(`#v=1&screen=lens&view=log&${hash}`);
  const grid = page.locator('.grid-canvas').first();
  await atRest(grid);
  return { page, grid };
}

async function atRest(grid: Locator): Promise<void> {
  await grid.and(grid.page().locator('[data-state=rest]')).waitFor();
}

async function numbers(grid: Locator, attribute: string): Promise<readonly number[]> {
  return ((await grid.getAttribute(attribute)) ?? '').split(',').map(Number);
}

/** Where a cell's middle is on the page. */
async function pointOf(grid: Locator, row: number, column: number): Promise<{ x: number; y: number }> {
  const [topRow = 0, leftColumn = 0, scale = 1] = await numbers(grid, 'data-viewport');
  const [left = 0, top = 0] = await numbers(grid, 'data-plot');
  const box = await grid.evaluate((element) => {
    const { x, y } = element.getBoundingClientRect();
    return { x: x + element.clientLeft, y: y + element.clientTop };
  });
  return {
    x: box.x + left + (column + 0.5 - leftColumn) * scale,
    y: box.y + top + (row + 0.5 - topRow) * scale,
  };
}

/** Colours of the raster at cells, off their middles, where text is. */
async function colorsAt(grid: Locator, cells: readonly (readonly [number, number])[]): Promise<readonly string[]> {
  const [topRow = 0, leftColumn = 0, scale = 1] = await numbers(grid, 'data-viewport');
  const [left = 0, top = 0] = await numbers(grid, 'data-plot');
  const points = cells.map(([row, column]) => [
    left + (column - leftColumn) * scale + Math.min(2.5, scale / 2),
    top + (row - topRow) * scale + Math.min(2.5, scale / 2),
  ]);
  return grid.locator('.grid-raster').evaluate((canvas, at) => {
    const context = (canvas as HTMLCanvasElement).getContext('2d');
    return at.map(([x = 0, y = 0]) => {
      const [red = 0, green = 0, blue = 0] = context?.getImageData(Math.floor(x), Math.floor(y), 1, 1).data ?? [];
      return `#${[red, green, blue].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    });
  }, points);
}

describe('a grid in the browser', () => {
  it.each(['color=lane', 'color=value', 'color=tile&a=row-major&shape=24,32', 'color=code&dt=e2m1&shape=16,64'])(
    'shows the colours of its paint: %s',
    async (fields) => {
      const { grid } = await openGrid(fields);
      const subject = bindSubject(parsePermalink(`#v=1&${fields}`));
      const { layout } = subject.tensor;
      const logical = logicalGrid(layout);
      const cells = [
        [0, 1],
        [3, 5],
        [9, 17],
        [15, 30],
      ] as const;
      const out = new Uint32Array(cells.length);
      const keys = Float64Array.from(cells, ([row, column]) => logical.keyAt(row, column));
      makePaint(subject, parsePermalink(`#v=1&${fields}`).color, 'light').fill(keys, cells.length, out);
      expect(await colorsAt(grid, cells)).toEqual([...out].map(cssColor));
    },
  );

  it('zooms about the pointer and pans with it', async () => {
    const { page, grid } = await openGrid('shape=4096,4096');
    const { x, y } = await pointOf(grid, 1200, 900);
    await page.mouse.move(x, y);
    for (let turn = 0; turn < 12; turn += 1) await page.mouse.wheel(0, -250);
    await atRest(grid);
    const [, , scale = 0] = await numbers(grid, 'data-viewport');
    expect(scale).toBeGreaterThan(10);
    const zoomed = await pointOf(grid, 1200, 900);
    // One pixel of the whole grid was several cells.
    expect(Math.abs(zoomed.x - x)).toBeLessThan(scale * 8);
    await page.mouse.move(x, y);
    const under = await grid.getAttribute('data-cell');
    await page.mouse.down();
    await page.mouse.move(x + 120, y + 40, { steps: 5 });
    await page.mouse.up();
    await page.mouse.move(x + 140, y + 60);
    await page.mouse.move(x + 120, y + 40);
    expect(await grid.getAttribute('data-cell')).toBe(under);
  });

  it('marks the cell under the pointer and pins it on a click', async () => {
    const { page, grid } = await openGrid('shape=64,128');
    const { x, y } = await pointOf(grid, 17, 40);
    await page.mouse.move(x, y);
    await page.waitForFunction(() => document.querySelector('.grid-canvas')?.getAttribute('data-cell') === '17,40');
    await page.mouse.click(x, y);
    await page.waitForFunction(() => location.hash.includes('sel=n17.k40'));
    const next = await pointOf(grid, 20, 41);
    await page.keyboard.down('Shift');
    await page.mouse.click(next.x, next.y);
    await page.keyboard.up('Shift');
    await page.waitForFunction(() => location.hash.includes('sel=n17.k40,n20.k41'));
  });

  it('is driven by the keyboard, tells what it is at, and scrolls there', async () => {
    const { page, grid } = await openGrid('shape=4096,4096');
    const twin = grid.getByRole('grid');
    await twin.focus();
    expect(await twin.getAttribute('aria-rowcount')).toBe('4096');
    await twin.press('ArrowRight');
    expect(await grid.getAttribute('data-cell')).toBe('0,0');
    await twin.press('ArrowRight');
    await twin.press('Shift+ArrowDown');
    expect(await grid.getAttribute('data-cell')).toBe('16,1');
    await twin.press('Alt+ArrowRight');
    expect(await grid.getAttribute('data-cell')).toBe('16,2');
    await twin.press('Control+End');
    expect(await grid.getAttribute('data-cell')).toBe('4095,4095');
    expect(await grid.getByRole('gridcell').textContent()).toContain('n=4095, k=4095');
    expect(await grid.getByRole('row').getAttribute('aria-rowindex')).toBe('4096');
    for (let times = 0; times < 14; times += 1) await twin.press('+');
    await atRest(grid);
    const [row = 0, , scale = 0] = await numbers(grid, 'data-viewport');
    expect(scale).toBeGreaterThan(20);
    expect(row).toBeGreaterThan(4000);
    await page.waitForFunction(() =>
      document.querySelector('.grid-canvas [aria-live]')?.textContent?.includes('n=4095, k=4095'),
    );
    await twin.press('0');
    await atRest(grid);
    expect((await numbers(grid, 'data-viewport'))[2]).toBeLessThan(1);
    await twin.press('Escape');
    expect(await grid.getAttribute('data-cell')).toBe(null);
  });

  it('is panned with one finger and zoomed with two', async () => {
    const { page, grid } = await openGrid('shape=256,256');
    const touch = await page.context().newCDPSession(page);
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: readonly (readonly [number, number])[]) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    await touch.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 2 });
    const { x, y } = await pointOf(grid, 100, 100);
    const [, , before = 0] = await numbers(grid, 'data-viewport');
    await send('touchStart', [x - 20, y]);
    await send('touchStart', [x - 20, y], [x + 20, y]);
    for (let step = 1; step <= 10; step += 1) await send('touchMove', [x - 20 - 8 * step, y], [x + 20 + 8 * step, y]);
    await send('touchEnd');
    await atRest(grid);
    const [row = 0, column = 0, scale = 0] = await numbers(grid, 'data-viewport');
    expect(scale / before).toBeGreaterThan(4);
    const zoomed = await pointOf(grid, 100, 100);
    expect(Math.hypot(zoomed.x - x, zoomed.y - y)).toBeLessThan(2 * scale);
    await send('touchStart', [x, y]);
    for (let step = 1; step <= 10; step += 1) await send('touchMove', [x - 6 * step, y - 4 * step]);
    await send('touchEnd');
    await atRest(grid);
    const [rowAfter = 0, columnAfter = 0] = await numbers(grid, 'data-viewport');
    expect((columnAfter - column) * scale).toBeGreaterThan(40);
    expect((rowAfter - row) * scale).toBeGreaterThan(20);
  });
});
