import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { writeNpy } from '../../../src/io/index.ts';
import { bindPair } from '../../../src/visualizer/model/diff.ts';
import { codeOf } from '../../../src/visualizer/model/export/code.ts';
import { csvOf } from '../../../src/visualizer/model/export/csv.ts';
import { diffCsv, diffMarkdown } from '../../../src/visualizer/model/export/diff.ts';
import { diffCode } from '../../../src/visualizer/model/export/diff-code.ts';
import { goldenMarkdown } from '../../../src/visualizer/model/export/golden.ts';
import { markdownOfElements } from '../../../src/visualizer/model/export/markdown.ts';
import { parseSelection, selectionCoords, wholeTensor } from '../../../src/visualizer/model/export/selection.ts';
import { torchOf } from '../../../src/visualizer/model/export/torch.ts';
import { parseReport } from '../../../src/visualizer/model/golden-report.ts';
import { parsePermalink } from '../../../src/visualizer/model/permalink.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';
import { faultyReport } from '../golden-reports.ts';
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

/** Opens the dialog over a screen that is there. */
async function exportOf(page: Page, format?: string): Promise<void> {
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('dialog', { name: 'Export' }).waitFor();
  if (format !== undefined) await page.getByRole('radio', { name: format, exact: true }).check();
}

const formats = (page: Page): Promise<readonly string[]> => page.locator('.export-format').allTextContents();
const viewOf = (page: Page) => page.getByRole('dialog').getByRole('combobox', { name: 'View' });

describe('the Diff', () => {
  const pairScene = {
    a: 'shuffle_weight(16,16)',
    b: 'row-major',
    type: 'e4m3fn',
    shape: [64, 128],
    experts: 1,
  } as const;
  const pair = bindPair(pairScene);
  const NAME = 'shuffle_weight_16_16-read_as-row-major-e4m3fn-64x128';

  it('exports the matrix of the reader in the colours of the screen', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&b=row-major');
    await page.getByRole('button', { name: 'Row it belongs to' }).click();
    await exportOf(page, 'SVG picture');
    expect(await viewOf(page).inputValue()).toBe('rows');
    await viewOf(page).selectOption('diff');
    await page.getByRole('button', { name: 'As shown' }).click();
    const { name, bytes } = await downloadOf(page);
    expect(name).toBe(`${NAME}-diff.svg`);
    const text = bytes.toString();
    expect(text).toContain('shuffle_weight(16,16) read as row-major, e4m3fn [64, 128]: 1.56 % right');
    expect(text).toContain('>other lane 48.4 %<');
    expect(text).toContain('>n=16<');
    await page.getByRole('radio', { name: 'PNG picture' }).check();
    pngSize((await downloadOf(page)).bytes);
  });

  it('exports table, comment and program of the model', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&b=row-major');
    const link = page.url();
    await exportOf(page, 'CSV table');
    expect(await formats(page)).toEqual(['PNG picture', 'SVG picture', 'CSV table', 'Markdown', 'TypeScript', 'Link']);
    const csv = await downloadOf(page);
    expect(csv.name).toBe(`${NAME}.csv`);
    expect(csv.bytes.toString()).toBe(diffCsv(pair, selectionCoords(wholeTensor(pair.read.layout))));
    await page.getByRole('dialog').getByLabel('Range').fill('n=99');
    await page.getByRole('alert').getByText('Range of n: 99 is empty or outside').waitFor();
    await page.getByRole('radio', { name: 'Markdown' }).check();
    expect((await downloadOf(page)).bytes.toString()).toBe(diffMarkdown(pair, pairScene, link));
    await page.getByRole('radio', { name: 'TypeScript' }).check();
    expect((await downloadOf(page)).bytes.toString()).toBe(diffCode(pair, pairScene, link));
  });

  it('is that of an incident too', async () => {
    const page = await visualizer.openPage('#v=1&screen=incidents&topic=moe-l4-read-separated');
    await exportOf(page);
    expect(await viewOf(page).inputValue()).toBe('rows');
    expect(pngSize((await downloadOf(page)).bytes)[0]).toBeGreaterThan(300);
  });
});

describe('Golden', () => {
  it('exports the map that is shown and a comment about the case', async () => {
    const text = JSON.stringify(await faultyReport());
    const page = await visualizer.openPage('#v=1&screen=golden');
    await page
      .locator('.golden-open input')
      .setInputFiles({ name: 'r.json', mimeType: 'application/json', buffer: Buffer.from(text) });
    await page.locator('.golden-detail').waitFor();
    await page.locator('.golden-map-controls').getByRole('button', { name: 'experts' }).click();
    await exportOf(page, 'SVG picture');
    expect(await viewOf(page).inputValue()).toBe('expert');
    await viewOf(page).selectOption('matrix');
    const svg = await downloadOf(page);
    expect(svg.name).toBe('moe_w_4x128x128_gi0_gu1-hip-y-matrix.svg');
    expect(svg.bytes.toString()).toContain('15412 of 131072 elements differ (11.8 %)');
    expect(await formats(page)).toEqual(['PNG picture', 'SVG picture', 'Markdown', 'Link']);
    await page.getByRole('radio', { name: 'Markdown' }).check();
    const run = parseReport(text, 'r.json').backends.find(({ id }) => id === 'hip');
    const result = run?.results.find((entry) => entry.case === 'moe_w_4x128x128_gi0_gu1');
    if (run === undefined || result === undefined) throw new Error('no case');
    const link = `${page.url().replace(/#.*/, '')}#v=1&screen=golden&topic=moe_w_4x128x128_gi0_gu1`;
    expect((await downloadOf(page)).bytes.toString()).toBe(goldenMarkdown(run, result, link));
    await page.keyboard.press('Escape');
    await page.locator('.golden-table').getByRole('button', { name: 'weight_fp8_128x256' }).click();
    await exportOf(page);
    expect(await formats(page)).toEqual(['Markdown', 'Link']);
  });
});

describe('Tensor', () => {
  /** Rows of growing codes: nothing that address codes could look like. */
  const CODES = Uint8Array.from({ length: 32 * 64 }, (_, at) => 0x20 + Math.floor(at / 64));

  it('exports the data of the file in its own colours', async () => {
    const page = await visualizer.openPage('#v=1&screen=tensor');
    const buffer = Buffer.from(writeNpy({ dtype: 'u1', shape: [32, 64], bytes: CODES }));
    await page
      .getByLabel('File to show')
      .setInputFiles({ name: 'rows.npy', mimeType: 'application/octet-stream', buffer });
    await page.getByLabel('Element type').selectOption('e4m3fn');
    await page.locator('.tensor-counts').waitFor();
    await page.getByRole('group', { name: 'Order of the elements' }).getByText('memory').click();
    await exportOf(page, 'SVG picture');
    expect(await viewOf(page).inputValue()).toBe('memory');
    await viewOf(page).selectOption('logical');
    const ranged = (await downloadOf(page)).bytes.toString();
    expect(ranged).toContain('coloured by magnitude over the range of the data');
    expect(ranged).toContain('>Magnitude<');
    // One rectangle for each row of one code.
    const fills = [...ranged.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="1408" height="22" fill="([^"]+)"\/>/g)];
    expect(new Set(fills.map(([, fill]) => fill)).size).toBeGreaterThan(24);
    await page.getByRole('radio', { name: 'CSV table' }).check();
    await page.getByRole('dialog').getByLabel('Range').fill('d0=5 d1=7');
    const csv = await downloadOf(page);
    expect(csv.name).toMatch(/^rows.*-row_major-e4m3fn-32x64\.csv$/);
    expect(csv.bytes.toString().split('\n')[1]).toMatch(/^5,7,327,327,0,0x25,0\.203125,/);
    await page.keyboard.press('Escape');
    await page.getByLabel('Colour').selectOption('code');
    await exportOf(page, 'SVG picture');
    await viewOf(page).selectOption('logical');
    expect((await downloadOf(page)).bytes.toString()).toContain('>Code<');
  });
});

describe('where there is nothing to export', () => {
  it.each([
    ['#v=1&screen=atlas', 'Open one of its cards'],
    ['#v=1&screen=incidents', 'Open an incident of two layouts'],
    ['#v=1&screen=incidents&topic=moe-stale-pad', 'not about two layouts'],
    ['#v=1&screen=tensor', 'Open a file'],
    ['#v=1&screen=golden', 'Open a report'],
    ['#v=1&screen=run', 'Run an example'],
    ['#v=1&screen=diff', 'Choose the layout that the bytes are read as'],
    ['#v=1&screen=diff&b=shuffle_weight(16,16)', 'The same bytes'],
  ])('%s says what can be', async (hash, words) => {
    const page = await visualizer.openPage(hash);
    await exportOf(page);
    await page.getByRole('dialog').getByRole('status').getByText(words).waitFor();
    expect(await page.getByRole('button', { name: 'Download' }).count()).toBe(0);
  });

  it('names what does not fit', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&b=row-major&shape=N63,K128');
    await exportOf(page);
    await page.getByRole('dialog').getByRole('alert').getByText('until both layouts fit').waitFor();
  });
});
