import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../src/visualizer/model/export/code.ts';
import { csvOf } from '../../../src/visualizer/model/export/csv.ts';
import { markdownOfElements } from '../../../src/visualizer/model/export/markdown.ts';
import { parseSelection, selectionCoords } from '../../../src/visualizer/model/export/selection.ts';
import { torchOf } from '../../../src/visualizer/model/export/torch.ts';
import { parsePermalink } from '../../../src/visualizer/model/permalink.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();

const HASH = '#v=1&screen=lens&dt=e2m1&shape=N64,K256&scale=1x32:e8m0:shuffle_scale&sel=n17.k97';
const scene = parsePermalink(HASH);
const subject = bindSubject(scene);

async function openExport(format: string, hash = HASH): Promise<Page> {
  const page = await visualizer.openPage(hash);
  await page.keyboard.press('e');
  await page.getByRole('dialog', { name: 'Export' }).waitFor();
  await page.getByRole('radio', { name: format, exact: true }).check();
  return page;
}

async function downloadOf(page: Page): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const button = page.getByRole('button', { name: 'Download' });
  await expect.poll(() => button.isEnabled()).toBe(true);
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const name = download.suggestedFilename();
  expect(await page.locator('.export-actions [role=status]').textContent()).toContain(`Downloaded ${name}`);
  return { name, bytes: readFileSync(await download.path()) };
}

/** Width and height of a PNG. */
function pngSize(bytes: Buffer): readonly [number, number] {
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

describe('text', () => {
  it('CSV holds the elements of the range, in the chosen order', async () => {
    const page = await openExport('CSV table');
    await page.getByRole('dialog').getByLabel('Range').fill('n=16:18 k=90:100');
    await page.getByRole('dialog').getByRole('combobox', { name: 'Order' }).selectOption('memory');
    const { name, bytes } = await downloadOf(page);
    expect(name).toBe('shuffle_weight_16_16-e2m1-64x256.csv');
    const coords = selectionCoords(parseSelection('n=16:18 k=90:100', subject.tensor.layout));
    expect(bytes.toString()).toBe(csvOf(subject, coords, 'memory'));
    await page.getByRole('dialog').getByLabel('Range').fill('q=3');
    await page.getByRole('alert').getByText('Range: "q=3" is not understood').waitFor();
    expect(await page.getByRole('button', { name: 'Download' }).isDisabled()).toBe(true);
  });

  it('CSV says where it stops', async () => {
    const page = await openExport('CSV table', '#v=1&screen=lens&shape=N4096,K7168');
    await page.getByRole('button', { name: 'Whole tensor' }).click();
    await expect
      .poll(() => page.locator('.export-actions [role=status]').textContent())
      .toContain('the first 100,000 of 29,360,128 elements');
  });

  it('markdown, TypeScript, torch and the link are those of the model', async () => {
    const page = await openExport('Markdown');
    const link = page.url();
    expect((await downloadOf(page)).bytes.toString()).toBe(markdownOfElements(subject, scene.pins, link));
    await page.getByRole('radio', { name: 'TypeScript' }).check();
    expect((await downloadOf(page)).bytes.toString()).toBe(codeOf(scene, subject, link));
    await page.getByRole('radio', { name: 'torch' }).check();
    expect((await downloadOf(page)).bytes.toString()).toBe(torchOf(subject));
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('radio', { name: 'Link' }).check();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.locator('.export-actions').getByText('Copied.').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  });
});

describe('pictures', () => {
  it('PNG has the size that is announced, twice as many pixels at 2x, and is not blank', async () => {
    const page = await openExport('PNG picture');
    const [width, height] = pngSize((await downloadOf(page)).bytes);
    await page.getByRole('dialog').getByLabel('Resolution').selectOption('2');
    await page
      .locator('.export-actions')
      .getByText(`${2 * width} × ${2 * height} pixels`)
      .waitFor();
    const { name, bytes } = await downloadOf(page);
    expect(name).toBe('shuffle_weight_16_16-e2m1-64x256-logical.png');
    expect(pngSize(bytes)).toEqual([2 * width, 2 * height]);
    const colors = await page.evaluate(async (encoded) => {
      const image = new Image();
      image.src = `data:image/png;base64,${encoded}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext('2d');
      context?.drawImage(image, 0, 0);
      const data = context?.getImageData(0, 0, image.width, image.height).data;
      return data === undefined ? 0 : new Set(new Uint32Array(data.buffer)).size;
    }, bytes.toString('base64'));
    expect(colors).toBeGreaterThan(64);
  });

  it.each(['logical', 'memory', 'register', 'scale'])('SVG of the %s view is a document of its own', async (view) => {
    const page = await openExport('SVG picture');
    await page.getByRole('dialog').getByRole('combobox', { name: 'View' }).selectOption(view);
    const { name, bytes } = await downloadOf(page);
    expect(name).toBe(`shuffle_weight_16_16-e2m1-64x256-${view}.svg`);
    const parsed = await page.evaluate((text) => {
      const document = new DOMParser().parseFromString(text, 'image/svg+xml');
      return {
        error: document.querySelector('parsererror')?.textContent ?? '',
        title: document.querySelector('title')?.textContent ?? '',
        texts: [...document.querySelectorAll('text')].map((element) => element.textContent ?? ''),
        rects: document.querySelectorAll('rect').length,
        outside: [...document.querySelectorAll('[href]')].map((element) => element.getAttribute('href') ?? ''),
      };
    }, bytes.toString());
    expect(parsed.error).toBe('');
    expect(parsed.title).toContain('e2m1 [64, 256]');
    expect(parsed.rects).toBeGreaterThan(50);
    expect(parsed.texts.length).toBeGreaterThan(12);
    expect(parsed.outside).toEqual([page.url()]);
  });

  it('a part is cut out; what is outside or too large is refused', async () => {
    const page = await openExport('SVG picture');
    await page.getByRole('dialog').getByLabel('Rows').fill('16:32');
    await page.getByRole('dialog').getByLabel('Columns').fill('64:128');
    const text = (await downloadOf(page)).bytes.toString();
    expect(text).toContain('>n=16<');
    expect(text).not.toContain('>n=32<');
    await page.getByRole('dialog').getByLabel('Rows').fill('0:65');
    await page.getByRole('alert').getByText('Rows: 0:65 is empty or outside; there are 0 to 63.').waitFor();
    await page.getByRole('button', { name: 'Whole grid' }).click();
    await page.getByRole('dialog').getByLabel('Pixels a cell').selectOption('64');
    await page.getByRole('alert').getByText('pixels long, at most 8192').waitFor();
  });

  it('the whole of 29 million elements is one raster', async () => {
    const page = await openExport('SVG picture', '#v=1&screen=lens&shape=N4096,K7168&view=log');
    await page.getByRole('button', { name: 'Whole grid' }).click();
    await page.locator('.export-actions').getByText('pixels').waitFor();
    const text = (await downloadOf(page)).bytes.toString();
    expect(text).toContain('href="data:image/png;base64,');
    expect(text).toContain('>k=4096<');
  });
});

it('says why nothing can be exported when the layout does not fit', async () => {
  const page = await visualizer.openPage('#v=1&screen=lens&shape=N63,K128');
  await page.keyboard.press('e');
  await page
    .getByRole('dialog', { name: 'Export' })
    .getByRole('alert')
    .getByText('There is nothing to export')
    .waitFor();
});
