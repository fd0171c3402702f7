import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Grid } from '../../../src/visualizer/model/grid.ts';
import { logicalGrid, memoryGrid, registerGrid, scaleGrid } from '../../../src/visualizer/model/grids/index.ts';
import { findMfma } from '../../../src/visualizer/model/layout-ref.ts';
import { parsePermalink } from '../../../src/visualizer/model/permalink.ts';
import { bindSubject, type Subject } from '../../../src/visualizer/model/subject.ts';
import { cellAt } from '../../../src/visualizer/render/viewport.ts';

export type View = 'logical' | 'memory' | 'register' | 'scale';

/** Where the cells of a view are on the page, in CSS pixels. */
interface Plot {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly viewport: { readonly row: number; readonly column: number; readonly scale: number };
}

/** The grid that a view of the page shows, made in Node. */
export function gridOf(link: string, view: View, tile = 0): { readonly subject: Subject; readonly grid: Grid } {
  const scene = parsePermalink(link);
  const subject = bindSubject(scene);
  const { layout } = subject.tensor;
  const { scale, registers, bits } = subject;
  switch (view) {
    case 'logical':
      return { subject, grid: logicalGrid(layout) };
    case 'memory':
      return { subject, grid: memoryGrid(layout, bits, scene.line) };
    case 'register':
      return {
        subject,
        grid: registerGrid({ layout, registers, bits, registerBits: findMfma(scene.registers)?.bits, tile }),
      };
    case 'scale':
      if (scale === undefined) throw new Error('the scene has no scale');
      return { subject, grid: scaleGrid(scale, 'logical', 32) };
  }
}

export async function plotOf(page: Page, view: View): Promise<Plot> {
  const root = page.locator(`.view-${view} [data-plot]`);
  await root.waitFor();
  return root.evaluate((element) => {
    const { left, top } = element.getBoundingClientRect();
    const [x = 0, y = 0, width = 0, height = 0] = (element.dataset['plot'] ?? '').split(',').map(Number);
    const [row = 0, column = 0, scale = 1] = (element.dataset['viewport'] ?? '').split(',').map(Number);
    return {
      left: left + element.clientLeft + x,
      top: top + element.clientTop + y,
      width,
      height,
      viewport: { row, column, scale },
    };
  });
}

/** A pixel of a plot, and the key of the cell there; undefined beside the cells. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly key: number | undefined;
}

/** Random pixels of the part of a plot that has cells. */
export function randomSpots(plot: Plot, grid: Grid, count: number, random: () => number): readonly Spot[] {
  const { row, column, scale } = plot.viewport;
  return Array.from({ length: count }, () => {
    const x = random() * Math.min(plot.width, (grid.columns - column) * scale);
    const y = random() * Math.min(plot.height, (grid.rows - row) * scale);
    const cell = cellAt(plot.viewport, x, y, grid);
    const key = cell === undefined ? -1 : grid.keyAt(cell.row, cell.column);
    return { x, y, key: key < 0 ? undefined : key };
  });
}

/** What the hover line says at each of many pixels. The mouse goes to the first; the others are pointer events, which are quicker. */
export async function hoverLines(
  page: Page,
  view: View,
  plot: Plot,
  spots: readonly Spot[],
): Promise<readonly string[]> {
  const points = spots.map(({ x, y }) => [plot.left + x, plot.top + y] as const);
  const [first] = points;
  if (first !== undefined) await page.mouse.move(...first);
  return page.locator(`.view-${view} [role=grid]`).evaluate(async (twin, all) => {
    const lines: string[] = [];
    for (const [clientX, clientY] of all) {
      twin.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true, pointerType: 'mouse' }));
      await new Promise((done) => setTimeout(done, 0));
      lines.push(document.getElementById('hover-line')?.textContent ?? '');
    }
    return lines;
  }, points);
}

/** Points at the middle of an element's cell. */
export async function pointAtKey(page: Page, view: View, grid: Grid, key: number): Promise<void> {
  const plot = await plotOf(page, view);
  const cell = grid.cellOf(key);
  if (cell === undefined) throw new Error(`the view ${view} does not show ${key}`);
  const { row, column, scale } = plot.viewport;
  await page.mouse.move(plot.left + (cell.column + 0.5 - column) * scale, plot.top + (cell.row + 0.5 - row) * scale);
}

/** Waits until the hover line is the given text. */
export async function expectHoverLine(page: Page, text: string): Promise<void> {
  await expect.poll(() => page.locator('#hover-line').textContent(), { timeout: 5000, interval: 10 }).toBe(text);
}

/** Numbers below 1 that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
