import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { cardOf } from '../../../src/visualizer/model/cards.ts';
import { MOE_CARD } from '../../../src/visualizer/model/moe-card.ts';
import { PRESET_GROUPS, PRESETS } from '../../../src/visualizer/model/presets.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Colours of a canvas that is painted, as a number of different ones. */
const colorsOf = (canvas: HTMLCanvasElement): number => {
  const context = canvas.getContext('2d');
  const data = context?.getImageData(0, 0, canvas.width, canvas.height).data;
  return data === undefined ? 0 : new Set(new Uint32Array(data.buffer)).size;
};

describe('cards', () => {
  it('all paint, each its own scene, and paint again in the other theme', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas', { height: 9000 });
    await page.waitForFunction(
      (count) => document.querySelectorAll('canvas[data-painted=light]').length === count,
      PRESETS.length,
    );
    const colors = await page.locator('canvas.thumbnail').evaluateAll(
      // The function is sent to the page as text; it can use nothing of this file.
      new Function('all', `return all.map(${colorsOf.toString()})`) as (all: Element[]) => number[],
    );
    const blank = PRESETS.filter((_, at) => (colors[at] ?? 0) < 2);
    expect(blank.map(({ id }) => id)).toEqual([]);
    await page.getByLabel('Theme').selectOption('dark');
    await page.waitForFunction(
      (count) => document.querySelectorAll('canvas[data-painted=dark]').length === count,
      PRESETS.length,
    );
    expect(await page.locator('.moe-bar').count()).toBe(5);
  });

  it('are links to their scenes, one each', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    const links = await page.locator('.card a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    const want = [...PRESETS.map((preset) => cardOf(preset).link), MOE_CARD.link];
    expect(links.toSorted()).toEqual(want.toSorted());
    expect(await page.locator('.card-group h2').allTextContents()).toEqual(Object.values(PRESET_GROUPS));
  });

  it('open the Lens by a click anywhere, and by keyboard', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    const picture = await page
      .locator('.card', { hasText: 'shuffle_weight (16,16), fp4' })
      .locator('.card-picture')
      .boundingBox();
    await page.mouse.click((picture?.x ?? 0) + 20, (picture?.y ?? 0) + 20);
    await page.locator('main.screen-lens').waitFor();
    expect(new URL(page.url()).hash).toBe(
      '#v=1&screen=lens&dt=e2m1&shape=N64,K256&scale=1x32:e8m0:shuffle_scale&view=log,mem,reg,scale',
    );
    await page.goBack();
    const link = page.getByRole('link', { name: 'MFMA 32x32x64 f8f6f4 operand B, fp4' });
    await link.focus();
    await page.keyboard.press('Enter');
    await page.locator('main.screen-lens').waitFor();
    expect(new URL(page.url()).hash).toContain('a=mfma.32x32x64.B.fp4');
  });
});

describe('search', () => {
  it('finds words in titles, notation and sources, says how many, and forgets', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    await page.getByLabel('Search').fill('fp8 32x32x64');
    await expect.poll(() => page.locator('.card').count()).toBe(2);
    expect(await page.locator('.atlas-search [role=status]').textContent()).toBe('2 cards');
    await page.getByLabel('Search').fill('nothing like this');
    expect(await page.locator('.empty-state').textContent()).toContain('No card has all of these words.');
    await page.getByRole('button', { name: 'Show all cards' }).click();
    expect(await page.locator('.card').count()).toBe(PRESETS.length + 1);
  });
});

it('shows the blocks of moe_sorting', async () => {
  const page = await visualizer.openPage(MOE_CARD.link);
  await page.getByRole('heading', { name: MOE_CARD.title }).waitFor();
  const rows = page.locator('.moe-tables section').nth(1).locator('tbody tr');
  expect(await rows.count()).toBe(5);
  expect(await rows.nth(1).locator('td').allTextContents()).toEqual([
    'expert 0',
    'token 7, slot 0',
    'padding',
    'padding',
    'padding',
  ]);
  await page.getByRole('link', { name: 'Atlas', exact: true }).click();
  await page.locator('.cards').first().waitFor();
});

describe('header', () => {
  it('copies the link, and says so', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens&shape=N32,K64');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
  });

  it('opens the help with ? and gives the focus back', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    await page.getByRole('button', { name: 'Help' }).focus();
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog', { name: 'Help' });
    await dialog.getByText('Nothing leaves the browser').waitFor();
    expect(await dialog.locator('kbd').allTextContents()).toContain('/');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('dialog').count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Help');
  });
});

describe('looks', () => {
  it.each(['light', 'dark'] as const)('%s: axe finds nothing, on the page and in the dialogs', async (theme) => {
    const page = await visualizer.openPage('#v=1&screen=atlas', { theme });
    for (const name of ['', 'Help', 'Export']) {
      if (name !== '') {
        await page.getByRole('button', { name }).click();
        await page.getByRole('dialog', { name }).waitFor();
      }
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const { axe } = window as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        };
        return (await axe.run()).violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`,
        );
      });
      expect(violations).toEqual([]);
      if (name !== '') await page.getByRole('button', { name: 'Close' }).click();
    }
  });

  it.each([390, 768, 1600])('%i pixels wide: nothing sticks out sideways', async (width) => {
    const page = await visualizer.openPage('#v=1&screen=atlas', { width });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    for (const name of ['Help', 'Export']) {
      await page.getByRole('button', { name }).click();
      const box = await page.getByRole('dialog', { name }).boundingBox();
      expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? width) <= width).toBe(true);
      expect(await page.locator('.modal-body').evaluate((body) => body.scrollWidth - body.clientWidth)).toBe(0);
      await page.getByRole('button', { name: 'Close' }).click();
    }
  });
});
