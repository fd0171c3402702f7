import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { parseSafetensors, writeNpy, writeSafetensors } from '../../../src/io/index.ts';
import { catalog, permute, rowMajor } from '../../../src/layout/index.ts';
import { statsSteps } from '../../../src/visualizer/model/tensor-stats.ts';
import { codesOf } from '../../../src/visualizer/model/tensor-view.ts';
import { quantiseFp8, realisticWeights } from '../../layout/guess-support.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();
const SHUFFLE = readFileSync(new URL('../../golden/shuffle.safetensors', import.meta.url));

async function openWith(name: string, bytes: Uint8Array): Promise<Page> {
  const page = await visualizer.openPage('#v=1&screen=tensor');
  await page.locator('.tensor-drop').waitFor();
  await page
    .getByLabel('File to show')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
  return page;
}

async function choose(page: Page, name: string): Promise<void> {
  await page.locator('.tensor-row', { hasText: name }).first().click();
  await page.locator('.tensor-title', { hasText: name }).waitFor();
}

async function alertOf(page: Page): Promise<string> {
  return (await page.locator('main [role=alert] p, main p[role=alert]').first().textContent()) ?? '';
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (): Promise<AxeResults> => {
    const { axe } = globalThis as unknown as { axe: { run(node: Document): Promise<AxeResults> } };
    return axe.run(document);
  });
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} at ${target.join(' ')}`));
}

describe('a golden file', () => {
  it('is read as its case says; counts are those of Node; the Lens shows the same data', async () => {
    const page = await openWith('shuffle.safetensors', SHUFFLE);
    await page.getByLabel('Search').fill('128x256_l32x16/y');
    await choose(page, 'weight_u8_128x256_l32x16/y');
    expect(await page.getByLabel('Layout', { exact: true }).inputValue()).toBe('shuffle_weight(32,16)');
    await page.getByLabel('Element type').selectOption('e4m3fn');
    await page.locator('.tensor-counts').waitFor();

    const raw = parseSafetensors(SHUFFLE).tensors.get('weight_u8_128x256_l32x16/y');
    if (raw === undefined) throw new Error('no tensor');
    const layout = catalog.find(({ id }) => id === 'shuffle_weight(32,16)')?.bind([128, 256], { bits: 8 });
    if (layout === undefined) throw new Error('no layout');
    const steps = statsSteps({ name: 'y', type: 'e4m3fn', layout, codeAt: codesOf(raw.bytes, 'e4m3fn') });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const { flags, elements } = step.value;
    await page.locator('.tensor-number', { hasText: 'max448' }).first().waitFor();
    const numbers = await page.locator('.tensor-number').allTextContents();
    expect(numbers).toContain(`elements${elements.toLocaleString('en')}`);
    expect(numbers).toContain('min-448');
    const counts = await page.locator('.tensor-flags li > .mono').allTextContents();
    expect(counts.map((text) => Number((text.split(' ')[0] ?? '').replaceAll(',', '')))).toEqual(Object.values(flags));

    await page.keyboard.press('n');
    await page.locator('#hover-line', { hasText: '= NaN' }).waitFor();
    const line = await page.locator('#hover-line').textContent();
    expect(line).toMatch(/^weight_u8_128x256_l32x16\/y\[n=\d+, k=\d+\] e4m3fn code 0x[7f]f = NaN/);
    await page.getByRole('button', { name: 'Show in the Lens' }).click();
    await page.locator('main.screen-lens .view-memory').waitFor();
    expect(await page.locator('#hover-line').textContent()).toContain('weight_u8_128x256_l32x16/y[n=');
    await page.getByRole('link', { name: 'Tensor' }).click();
    await page.locator('.tensor-title').waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('can be dropped anywhere', async () => {
    const page = await visualizer.openPage('#v=1&screen=tensor');
    await page.locator('.tensor-drop').waitFor();
    const bytes = [...writeSafetensors([{ name: 'w', dtype: 'F8_E4M3', shape: [16, 16], bytes: new Uint8Array(256) }])];
    await page.evaluate((content) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(content)], 'dropped.safetensors'));
      const init = { dataTransfer: transfer, bubbles: true, cancelable: true };
      document.body.dispatchEvent(new DragEvent('dragover', init));
      document.body.dispatchEvent(new DragEvent('drop', init));
    }, bytes);
    await page.locator('.tensor-title', { hasText: 'w' }).waitFor();
    expect(await page.locator('.tensor-file').textContent()).toContain('dropped.safetensors safetensors');
  });
});

it('an npy file shows its values', async () => {
  const values = Float32Array.from({ length: 64 }, (_, at) => at / 4);
  const page = await openWith('w.npy', writeNpy({ dtype: 'f4', shape: [8, 8], bytes: new Uint8Array(values.buffer) }));
  await page.locator('.tensor-number', { hasText: 'max' }).first().waitFor();
  const numbers = await page.locator('.tensor-number').allTextContents();
  expect(numbers).toContain('max15.75');
  expect(numbers).toContain('mean7.875');
});

it('raw bytes ask for type and shape', async () => {
  const page = await openWith('w.bin', new Uint8Array(512).fill(0x38));
  await page.getByLabel('Logical shape').fill('64, 64');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  expect(await alertOf(page)).toBe(
    'w.bin: has 512 bytes; e4m3fn [64, 64] takes 4096. Change the shape, the type or the offset.',
  );
  await page.getByLabel('Logical shape').fill('16, 32');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.locator('.tensor-number', { hasText: 'mean1' }).waitFor();
});

describe('files that cannot be shown', () => {
  it.each([
    ['note.txt', new TextEncoder().encode('hi'), /^note.txt: is 2 bytes long, expected at least 8/],
    [
      'cut.safetensors',
      SHUFFLE.subarray(0, 100_000),
      /^cut.safetensors: declares \d+ bytes of tensors, but only \d+ follow the header\. The file is cut off/,
    ],
    [
      'huge.safetensors',
      Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 123),
      /^huge.safetensors: says that its header is 4294967296 bytes long, more than the 100000000/,
    ],
    ['cut.npy', new Uint8Array(5), /^cut.npy: does not begin with the npy signature/],
  ])('%s', async (name, bytes, message) => {
    const page = await openWith(name, bytes);
    expect(await alertOf(page)).toMatch(message);
  });

  it('a dtype without an element type is shown as bytes', async () => {
    const bytes = writeSafetensors([{ name: 'c', dtype: 'C64', shape: [4, 4], bytes: new Uint8Array(128) }]);
    const page = await openWith('c.safetensors', bytes);
    await page.locator('.tensor-title', { hasText: 'c' }).waitFor();
    expect(await page.locator('main .banner').textContent()).toBe(
      'C64 has no element type here, so its bytes are shown as u8.',
    );
  });

  it('a shape that does not fit says what it takes, and a good one mends it', async () => {
    const page = await openWith(
      'w.safetensors',
      writeSafetensors([{ name: 'w', dtype: 'F8_E4M3', shape: [16, 32], bytes: new Uint8Array(512) }]),
    );
    await page.getByLabel('Logical shape').fill('16, 64');
    await page.getByLabel('Logical shape').press('Enter');
    expect(await alertOf(page)).toBe(
      '"w" has 512 bytes, but row-major of [16, 64] with 8-bit elements takes 1024. Change the shape, the element type or the layout.',
    );
    await page.getByLabel('Logical shape').fill('8, 64');
    await page.getByLabel('Logical shape').press('Enter');
    await page.locator('.tensor-counts').waitFor();
  });
});

it('guesses a layout and reads the tensor so', async () => {
  const shape = [128, 512];
  const { codes } = quantiseFp8(realisticWeights(shape, 5), shape);
  const layout = catalog.find(({ id }) => id === 'shuffle_weight(32,16)')?.bind(shape, { bits: 8 });
  if (layout === undefined) throw new Error('no layout');
  const bytes = permute(codes, rowMajor(shape), layout, 8);
  const page = await openWith('w.safetensors', writeSafetensors([{ name: 'w', dtype: 'F8_E4M3', shape, bytes }]));
  await page.getByRole('button', { name: 'Guess the layout' }).click();
  const first = page.locator('.tensor-guess-card').first();
  await first.waitFor({ timeout: 60_000 });
  expect(await page.locator('.tensor-verdict').textContent()).toContain('Found');
  expect(await first.locator('h3').textContent()).toBe('shuffle_weight(32,16)');
  await first.getByRole('button', { name: 'Read it so' }).click();
  expect(await page.getByLabel('Layout', { exact: true }).inputValue()).toBe('shuffle_weight(32,16)');
  expect(await violations(page)).toEqual([]);
});

it('opens the file that its server offers, and says when it does not', async () => {
  const page = await visualizer.openPage('#v=1&screen=tensor&file=opened/gone.safetensors', { allowErrors: /404/ });
  expect(await alertOf(page)).toBe(
    'gone.safetensors: the server answers 404. Start `preshuffle visualize gone.safetensors` again, or drop the file on this page.',
  );
});
