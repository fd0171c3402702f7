import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { printPermalink } from '../../../src/visualizer/model/permalink.ts';
import { RUN_EXAMPLES } from '../../../src/visualizer/model/run-examples.ts';
import { defaultSpec, sceneOf } from '../../../src/visualizer/model/run-spec.ts';
import { DEFAULT_SCENE } from '../../../src/visualizer/model/scene.ts';
import { useVisualizer } from './harness.ts';

const MINUTES = 240_000;

/** Presses Run and waits for the verdict. */
async function run(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const verdict = page.locator('.run-verdict');
  await verdict.waitFor({ timeout: MINUTES });
  return (await verdict.textContent()) ?? '';
}

/** What axe-core finds, by rule and element. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const found = await axe.run(document);
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
  });
}

describe('with WebGPU', () => {
  const visualizer = useVisualizer();

  it('every example agrees with the CPU', { timeout: 4 * MINUTES }, async () => {
    const page = await visualizer.openPage('#v=1&screen=run');
    for (const { id, title } of RUN_EXAMPLES) {
      await page.getByLabel('Example').selectOption({ label: title });
      expect(`${id}: ${await run(page)}`).toContain('✓ pass');
      expect(page.url()).toContain(`topic=${id}`);
    }
    const rows = page.locator('.run-history tbody tr');
    expect(await rows.count()).toBe(RUN_EXAMPLES.length);
    expect(await page.locator('.run-history .is-pass').count()).toBe(RUN_EXAMPLES.length);
    expect(await page.locator('.run-device summary').textContent()).toContain('swiftshader');
  });

  it('shows an injected mistake with its first coordinate, and leads to the Diff', { timeout: MINUTES }, async () => {
    const page = await visualizer.openPage('#v=1&screen=run&topic=gemm_a8w8_blockscale_bpreshuffle&shape=N32,K64', {
      theme: 'dark',
      width: 390,
    });
    await page.getByLabel('Inject a mistake').check();
    expect(page.url()).toContain('&a=row-major&b=shuffle_weight(16,16)&');
    expect(await run(page)).toContain('the kernel itself raised no error');
    expect(await page.locator('.run-first').textContent()).toMatch(
      /^First mismatch: y\[0, \d+\], byte 0x\d+: expected 0x/,
    );
    expect(await page.locator('.run-refusal').textContent()).toContain('row-major');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('link', { name: 'Both layouts in the Diff' }).click();
    await page.locator('main.screen-diff').waitFor();
    expect(page.url()).toContain('a=row-major&b=shuffle_weight(16,16)');
  });

  it('runs what a permalink says, by Enter, and shows an old run again', { timeout: MINUTES }, async () => {
    const example = RUN_EXAMPLES[0]!;
    const spec = { ...defaultSpec(example), from: 'column-major', to: 'shuffle_weight(16,16)', shape: [32, 64] };
    const page = await visualizer.openPage(printPermalink({ ...DEFAULT_SCENE, ...sceneOf(spec), screen: 'run' }));
    await page.locator('.run-start').waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('Enter');
    await page.locator('.run-verdict.is-pass').waitFor({ timeout: MINUTES });
    await page.getByLabel('Example').selectOption('topk_softmax');
    await page.getByRole('button', { name: 'Show 1' }).click();
    expect(await page.getByLabel('Example').inputValue()).toBe('permute');
    expect(await page.getByLabel('Shape').inputValue()).toBe('32, 64');
  });

  it('says what is wrong with sizes, and refuses to run them', async () => {
    const page = await visualizer.openPage('#v=1&screen=run&topic=gemm_a4w4_bpreshuffle&dt=e2m1&shape=N24,K64');
    expect(await page.locator('.run-form [role=alert]').textContent()).toBe(
      'gemm_a4w4_bpreshuffle: N (output features) is 24, expected 16 to 4096 in steps of 16.',
    );
    expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true);
  });

  it('survives the loss of the device, in the page where there is no worker', { timeout: MINUTES }, async () => {
    const page = await visualizer.openPage('#v=1&screen=atlas');
    await page.evaluate(() => {
      // Without workers the engine runs in the page, where the device can be taken from it.
      Reflect.deleteProperty(globalThis, 'Worker');
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (options) {
        const device = await request.call(this, options);
        setTimeout(() => device.destroy(), 20);
        return device;
      };
    });
    await page.getByRole('link', { name: 'Run', exact: true }).click();
    await page.getByLabel('Example').selectOption('mxfp8_quant');
    expect(await run(page)).toContain('Only the CPU computed this: the device failed');
    expect(await page.locator('.run-no-device [role=alert]').textContent()).toContain(
      'the WebGPU device was lost (destroyed)',
    );
    await page.getByRole('link', { name: 'Lens', exact: true }).click();
    await page.locator('main.screen-lens').waitFor();
  });
});

describe('without WebGPU', () => {
  const visualizer = useVisualizer({ webgpu: false });

  it('says so, says what would help, and computes on the CPU', async () => {
    const page = await visualizer.openPage('#v=1&screen=run&topic=mxfp8_quant&dt=bf16&shape=M8,K64');
    expect(await run(page)).toContain('Only the CPU computed this: no WebGPU device could be opened');
    const help = (await page.locator('.run-no-device').textContent()) ?? '';
    expect(help).toContain('Asked: navigator.gpu');
    expect(help).toContain('--enable-unsafe-webgpu');
    expect(await page.locator('.run-times').textContent()).toContain('CPU');
    expect(await violations(page)).toEqual([]);
  });
});
