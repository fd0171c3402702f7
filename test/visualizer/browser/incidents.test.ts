import { expect, it } from 'vitest';
import { INCIDENT_SCENES } from '../../../src/visualizer/model/incident-scenes.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();

it('shows every incident as a card with a picture', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents', { height: 900 });
  expect(await page.locator('.incident-card').count()).toBe(INCIDENT_SCENES.length);
  await page.locator('canvas.thumbnail[data-painted]').first().waitFor();
  expect(await page.locator('.bits-thumbnail').count()).toBe(7);
});

it('keeps the incidents of one operand', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents');
  await page.getByRole('button', { name: /^Scales of activations/ }).click();
  expect(await page.locator('.incident-card').count()).toBe(4);
  expect(await page.locator('[role=status]').first().textContent()).toBe('4 incidents');
});

it('opens a card, the next one, and its Diff', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents');
  await page.getByRole('link', { name: /^Checkpoint rows are shuffled for a SEPARATED kernel/ }).click();
  await page.locator('article.incident').waitFor();
  expect(new URL(page.url()).hash).toBe('#v=1&screen=incidents&topic=moe-l4-read-separated');
  await page.getByRole('link', { name: 'Next' }).click();
  await expect.poll(() => new URL(page.url()).hash).toBe('#v=1&screen=incidents&topic=moe-l4-read-interleave');
  await page.goBack();
  await page.getByRole('link', { name: 'Open in Diff' }).click();
  await page.locator('main.screen-diff .sentence').waitFor();
  expect(await page.locator('.known a').first().textContent()).toBe(
    'checkpoint rows are shuffled for a SEPARATED kernel without the de-interleave',
  );
});

it('opens each incident by its link', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents&topic=scale-transposed-twice');
  for (const { id, happens, looks } of INCIDENT_SCENES) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `#v=1&screen=incidents&topic=${id}`);
    await expect.poll(() => page.locator('.incident-text').textContent()).toBe(`${happens} ${looks}`);
  }
});

it('shows the bits of a value under both readings', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents&topic=fn-read-as-fnuz');
  const first = page.locator('.bit-sample').first();
  expect((await first.innerText()).replace(/\s+/g, ' ')).toBe(
    'written e4m3fn 0x38 0 sign 0111 exponent 000 mantissa = 1 read e4m3fnuz 0x38 0 sign 0111 exponent 000 mantissa = 0.5 off by × 0.5',
  );
});

it('shows the channels that a stale pad leaves out', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents&topic=moe-stale-pad');
  expect(await page.locator('.pad-bar').getAttribute('aria-label')).toBe(
    '320 channels computed, 40 channels left out, 152 channels padding',
  );
});

it('says that there is no such incident, and shows all', async () => {
  const page = await visualizer.openPage('#v=1&screen=incidents&topic=nothing');
  expect(await page.locator('[role=alert]').textContent()).toBe('There is no incident “nothing”. These are all.');
  expect(await page.locator('.incident-card').count()).toBe(INCIDENT_SCENES.length);
});

it.each(['', '&topic=float-scale-read-as-ue8m0', '&topic=moe-l4-read-separated'])(
  'fits a narrow page%s',
  async (topic) => {
    const page = await visualizer.openPage(`#v=1&screen=incidents${topic}`, { width: 390, height: 800 });
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(widths[0]).toBeLessThanOrEqual(widths[1] as number);
  },
);
