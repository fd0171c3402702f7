import { describe, expect, it } from 'vitest';
import { SCREENS } from '../../../src/visualizer/model/scene.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();

it.each(SCREENS)('%s loads without an error', async (screen) => {
  const page = await visualizer.openPage(`#v=1&screen=${screen}`);
  expect(await page.locator('nav a[aria-current=page]').textContent()).toBe(
    screen.replace(/^./, (c) => c.toUpperCase()),
  );
});

describe('permalinks', () => {
  it('shows what is wrong with one, and goes on', async () => {
    const page = await visualizer.openPage('#v=1&screen=nowhere');
    expect(await page.locator('[role=alert]').first().textContent()).toBe(
      `Permalink: screen=nowhere is not known; expected one of ${SCREENS.join(', ')}.`,
    );
    await page.getByRole('link', { name: 'Lens' }).click();
    expect(await page.locator('.banner').count()).toBe(0);
  });
  it('follows the back button', async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    await page.getByRole('link', { name: 'Lens', exact: true }).click();
    await page.locator('main.screen-lens').waitFor();
    await page.goBack();
    await page.locator('main.screen-atlas').waitFor();
  });
});

it('remembers the theme and sets it before anything is drawn', async () => {
  const page = await visualizer.openPage('', { theme: 'light' });
  expect(await page.locator('html').getAttribute('data-theme')).toBe('light');
  await page.getByLabel('Theme').selectOption('dark');
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  await page.reload();
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
});
