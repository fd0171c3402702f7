import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { SCREENS } from '../../../src/visualizer/model/scene.ts';
import { useVisualizer } from './harness.ts';

const visualizer = useVisualizer();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, as lines that say where. */
async function violations(page: Page): Promise<readonly string[]> {
  // Evaluated through the debugger: the page's own policy admits no inline script.
  await page.evaluate(AXE);
  const result = await page.evaluate(async (): Promise<AxeResults> => {
    const { axe } = globalThis as unknown as { axe: { run(node: Document, options: RunOptions): Promise<AxeResults> } };
    return axe.run(document, { resultTypes: ['violations'] });
  });
  return result.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help} at ${target.join(' ')} ${failureSummary ?? ''}`),
  );
}

/** Scenes that show more than a screen's first state. */
const SCENES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SCREENS.map((screen) => [screen, `#v=1&screen=${screen}`])),
  'lens of fp4 experts with scales':
    '#v=1&screen=lens&a=shuffle_weight(guinterleave,gate_up)&dt=e2m1&shape=E2,N64,K256&experts=2&scale=1x32:e8m0:shuffle_scale(guinterleave,gate_up)&color=scale&sel=e1.n17.k96,e0.n1.k2',
  'lens that rejects its shape': '#v=1&screen=lens&shape=10,10',
  'diff of two layouts': '#v=1&screen=diff&a=shuffle_weight(16,16)&b=row-major',
  'an incident': '#v=1&screen=incidents&topic=moe-l4-read-separated',
};

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  it.each(Object.entries(SCENES))('axe finds nothing in %s', async (_name, hash) => {
    const page = await visualizer.openPage(hash, { theme });
    expect(await violations(page)).toEqual([]);
  });
  it.each(SCREENS)('%s fits a narrow window', async (screen) => {
    const page = await visualizer.openPage(`#v=1&screen=${screen}`, { theme, width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(await violations(page)).toEqual([]);
  });
});
