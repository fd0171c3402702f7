import { describe, expect, it } from 'vitest';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();

const CONFUSED =
  '#v=1&screen=diff&a=shuffle_weight(guinterleave,gate_up)&b=shuffle_weight(16,16)&dt=e2m1&shape=2,128,128';

it('shows what a SEPARATED kernel reads of INTERLEAVE weights', async () => {
  const page = await visualizer.openPage(CONFUSED);
  expect(await page.locator('.sentence').textContent()).toBe(
    'Rows only: asked for row 32a + 16b + c, the kernel gets row 64b + 16a + c (a < 4, b < 2, c < 16); even blocks of 16 rows get gate rows, odd ones up rows.',
  );
  expect(await page.locator('.diff-right').textContent()).toBe('25 % of the elements are read right: 8,192 of 32,768');
  expect(await page.locator('.diff-bar').getAttribute('aria-label')).toBe('right 25 %, elsewhere 75 %');
  expect(await page.locator('.diff-wrong tbody tr').count()).toBe(8);
  expect(await page.locator('.diff-wrong tbody tr').first().innerText()).toBe(
    'W[e=0, n=16, k=0]\tbyte 0x400 low nibble\tW[e=0, n=64, k=0]\tbyte 0x800 low nibble\telsewhere',
  );
  expect(await page.locator('.grid-canvas').count()).toBe(3);
  expect(await page.locator('.known a').getAttribute('href')).toBe('#v=1&screen=incidents&topic=moe-l3-read-separated');
});

it('tells what happens at the cell under the pointer, and marks it', async () => {
  const page = await visualizer.openPage('#v=1&screen=diff&a=shuffle_weight(16,16)&b=row-major');
  const box = await page.locator('.matrix .grid-canvas').boundingBox();
  if (box === null) throw new Error('no grid');
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.3);
  const line = page.locator('.diff-line > p');
  await expect.poll(() => line.textContent()).toMatch(/^The kernel asks for W\[n=\d+, k=\d+\], reads byte 0x[0-9a-f]+/);
  await page.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.3);
  await expect.poll(() => page.url()).toMatch(/&sel=n?\d+\.k?\d+/);
});

it('marks an element of the table and keeps it in the permalink', async () => {
  const page = await visualizer.openPage(CONFUSED);
  await page.getByRole('button', { name: 'W[e=0, n=16, k=3]' }).click();
  await expect.poll(() => page.url()).toContain('sel=e0.n16.k3');
  expect(await page.locator('.diff-line li').textContent()).toBe(
    'The kernel asks for W[e=0, n=16, k=3], reads byte 0x401 high nibble, where W[e=0, n=64, k=3] lies; W[e=0, n=16, k=3] lies at byte 0x801 high nibble.',
  );
});

it('exchanges the two layouts', async () => {
  const page = await visualizer.openPage(CONFUSED);
  await page.getByRole('button', { name: 'Swap' }).click();
  await expect.poll(() => page.locator('.sentence').textContent()).toContain('gate rows get even blocks of 16 rows');
  expect(new URL(page.url()).hash).toContain('b=shuffle_weight(guinterleave,gate_up)');
});

it('changes what colours stand for', async () => {
  const page = await visualizer.openPage(CONFUSED);
  const rows = page.getByRole('button', { name: 'Row it belongs to' });
  expect(await rows.getAttribute('aria-pressed')).toBe('false');
  await rows.click();
  expect(await rows.getAttribute('aria-pressed')).toBe('true');
});

describe('without a pair to show', () => {
  it('offers readers, best first', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&a=shuffle_weight(16,16)');
    expect(await page.getByRole('button', { name: 'Swap' }).isDisabled()).toBe(true);
    const offers = page.locator('.diff-candidates button');
    expect(await offers.first().innerText()).toContain('12.5 %');
    await offers.filter({ hasText: 'row-major' }).click();
    await expect.poll(() => page.locator('.diff-right').textContent()).toContain('1.56 %');
    expect(page.url()).toContain('b=row-major');
  });
  it('says that two layouts have the same bytes', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&a=shuffle_weight(16,16)&b=shuffle_weight_gfx1250');
    expect(await page.locator('.same').textContent()).toBe(
      'The same bytes: nothing would be misread, and nothing tells them apart.',
    );
  });
  it('says why a layout rejects the shape, and offers one that both take', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&a=shuffle_weight(guinterleave,gate_up)&b=row-major');
    expect(await page.locator('[role=alert]').textContent()).toContain('does not accept shape [64, 128]');
    await page.getByRole('button', { name: 'Use the shape 2 × 64 × 128' }).click();
    await page.locator('.diff-right').waitFor();
  });
  it('says that shapes disagree', async () => {
    const page = await visualizer.openPage('#v=1&screen=diff&a=mfma.16x16x32.A.fp8&b=row-major');
    expect(await page.locator('[role=alert]').textContent()).toContain('are bound to different shapes');
    await page.getByRole('button', { name: 'Use the shape 16 × 32' }).click();
    await page.locator('.diff-right').waitFor();
  });
});

it.each(['light', 'dark'] as const)('fits a narrow page, %s', async (theme) => {
  const page = await visualizer.openPage(CONFUSED, { width: 390, height: 800, theme });
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(widths[0]).toBeLessThanOrEqual(widths[1] as number);
});
