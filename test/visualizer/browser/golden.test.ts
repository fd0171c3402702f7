import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { unpackCounts } from '../../../src/golden/runs.ts';
import { faultyReport, incidentReport } from '../golden-reports.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();
let faulty = '';
beforeAll(async () => {
  faulty = JSON.stringify(await faultyReport());
});

async function openReport(page: Page, text: string, name = 'report.json'): Promise<void> {
  await page
    .locator('.golden-open input')
    .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
}

/** Drops a text file on the screen, as a file manager does. */
async function drop(page: Page, text: string, name: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([content, title]) => {
      const made = new DataTransfer();
      made.items.add(new File([content], title, { type: 'application/json' }));
      return made;
    },
    [text, name] as const,
  );
  await page.locator('.golden').dispatchEvent('drop', { dataTransfer: transfer });
}

/** Points at a cell of the heat map. */
async function pointAt(page: Page, row: number, column: number): Promise<void> {
  const grid = page.locator('.golden-map-canvas .grid-canvas');
  await grid.scrollIntoViewIfNeeded();
  await page.locator('.grid-canvas[data-state=rest]').waitFor();
  const [top, left, scale] = ((await grid.getAttribute('data-viewport')) ?? '').split(',').map(Number);
  const [plotLeft, plotTop] = ((await grid.getAttribute('data-plot')) ?? '').split(',').map(Number);
  const box = await grid.boundingBox();
  const at = (from: number | undefined, index: number, first: number | undefined): number =>
    (from ?? 0) + (index + 0.5 - (first ?? 0)) * (scale ?? 1);
  await page.mouse.move((box?.x ?? 0) + at(plotLeft, column, left), (box?.y ?? 0) + at(plotTop, row, top));
}

const title = (page: Page) => page.locator('#golden-case').textContent();

it('explains how to make a report, and names the case of a permalink', async () => {
  const page = await visualizer.openPage('#v=1&screen=golden&topic=my_case');
  expect(await page.locator('.empty-state').textContent()).toContain('preshuffle verify --json > report.json');
  expect(await page.locator('.golden').textContent()).toContain('This link is about the case my_case');
});

describe('a report with failures', () => {
  it('is dropped, and its hovered cell says what the JSON says', async () => {
    const page = await visualizer.openPage('#v=1&screen=golden');
    await drop(page, faulty, 'faulty.json');
    await page.locator('.golden-detail').waitFor();
    expect(await page.locator('.golden-backends button[aria-pressed=true] strong').textContent()).toBe('hip');
    expect(await title(page)).toBe('moe_w_4x128x128_gi0_gu1');
    expect(await page.locator('.golden-skew').textContent()).toContain('All 15412 mismatches have n mod 32 >= 16.');
    expect(await page.locator('.golden-diagnosis').textContent()).toContain('No diagnosis in this report.');

    const [, , hip] = JSON.parse(faulty);
    const { map } = hip.results.find((entry: { case: string }) => entry.case === 'moe_w_4x128x128_gi0_gu1').metrics
      .tensors[0];
    const [row, column] = [9, 20];
    const at = row * map.grid[1] + column;
    const [failed, of] = [unpackCounts(map.shown[0].mismatches)[at], unpackCounts(map.shown[0].elements)[at]];
    await pointAt(page, row, column);
    expect(await page.locator('.golden-map-line').textContent()).toMatch(
      new RegExp(`^e = 2, n = 18 … 19, k = 80 … 83: ${failed} of ${of} elements differ`),
    );
  });

  it('goes from experts to the cells of one, and to the Lens', async () => {
    const page = await visualizer.openPage('#v=1&screen=golden');
    await openReport(page, faulty);
    await page.getByRole('button', { name: 'experts' }).click();
    await pointAt(page, 0, 2);
    expect(await page.locator('.golden-map-line').textContent()).toBe('e = 2: 15412 of 32768 elements differ (47 %)');
    await page.mouse.down();
    await page.mouse.up();
    await page.locator('button[aria-pressed=true]', { hasText: 'matrix' }).waitFor();
    await page.getByRole('link', { name: 'Show these elements in the Lens' }).click();
    await page.locator('main.screen-lens').waitFor();
    expect(page.url()).toContain('sel=e2.n16.k12');
    await page.goBack();
    expect(await title(page)).toBe('moe_w_4x128x128_gi0_gu1');
  });

  it('walks through failing cases by arrow keys; the permalink follows', async () => {
    const page = await visualizer.openPage('#v=1&screen=golden');
    await openReport(page, faulty);
    await page.locator('.golden-detail').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await title(page)).toBe('a8w8_blockscale_33x384x1024');
    expect(page.url()).toContain('topic=a8w8_blockscale_33x384x1024');
    for (let press = 0; press < 9; press += 1) await page.keyboard.press('ArrowDown');
    expect(await title(page)).toBe('per_1x128_e4m3fn_bf16_7x512');
    await page.keyboard.press('ArrowUp');
    expect(await title(page)).toBe('fused_swiglu_5_4_2_64_128');
  });

  it('filters, and compares two backends', async () => {
    const page = await visualizer.openPage('#v=1&screen=golden');
    await openReport(page, faulty);
    const names = page.locator('.golden-table tbody .case-name');
    expect(await names.count()).toBe(10);
    await page.getByRole('button', { name: 'pass 5' }).click();
    expect(await names.count()).toBe(5);
    await page.getByLabel('Words in the case, file or reason').fill('scale shuffle');
    expect(await names.allTextContents()).toEqual(['scale_100x11']);
    await page.getByLabel('Words in the case, file or reason').fill('');
    await page.getByLabel('Compare with').selectOption('cpu');
    expect(await page.locator('.golden-list .empty-state').textContent()).toBe(
      'No case that fits the filter differs from cpu.',
    );
    await page.getByRole('button', { name: 'all 10' }).click();
    expect(await names.count()).toBe(5);
    expect(await page.locator('.golden-table tbody td:last-child').allTextContents()).toEqual(
      new Array(5).fill('pass'),
    );
  });

  it('is pasted: incidents', async () => {
    const page = await visualizer.openPage('#v=1&screen=golden');
    const text = JSON.stringify(await incidentReport());
    await page.evaluate((content) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', content);
      dispatchEvent(new ClipboardEvent('paste', { clipboardData }));
    }, text);
    await page.locator('.golden-detail').waitFor();
    expect(await page.locator('.golden-counts').textContent()).toContain('17 failed');
  });
});

it('shows a wrong file as an error, and then a right one', async () => {
  const page = await visualizer.openPage('#v=1&screen=golden');
  await openReport(page, '{"name": "preshuffle"}', 'package.json');
  expect(await page.locator('[role=alert]').textContent()).toMatch(
    /^package\.json: backend is missing, expected an object with id and device\./,
  );
  await openReport(page, JSON.stringify(JSON.parse(faulty)[0]));
  expect(await page.locator('.golden-all-pass').textContent()).toBe('Nothing failed on cpu.');
  expect(await page.locator('[role=alert]').count()).toBe(0);
});

it('fits a narrow window', async () => {
  const page = await visualizer.openPage('#v=1&screen=golden', { width: 390, height: 800 });
  await openReport(page, faulty);
  await page.locator('.golden-detail').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

it.each(['light', 'dark'] as const)('axe finds nothing in a loaded report, %s', async (theme) => {
  const page = await visualizer.openPage('#v=1&screen=golden', { theme });
  await openReport(page, faulty);
  await page.locator('.golden-detail').waitFor();
  await page.getByLabel('Compare with').selectOption('cpu');
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const found = await page.evaluate(async (): Promise<AxeResults> => {
    const { axe } = globalThis as unknown as { axe: { run(node: Document): Promise<AxeResults> } };
    return axe.run(document);
  });
  expect(
    found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join('; ')}`),
  ).toEqual([]);
});
