// Takes the pictures of docs/img/visualizer: `npm run docs:pictures`. With a name it takes that one only.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { serveFolder } from '../../src/cli/static-server.ts';
import { buildVisualizer } from '../../src/tools/build-visualizer.mjs';
import { preshuffle } from '../helpers/cli.ts';
import { launchChromium } from './browser/chromium.ts';

interface Picture {
  readonly name: string;
  readonly hash: string;
  readonly theme?: 'light' | 'dark';
  readonly size?: readonly [number, number];
  /** A file to open through the page's file button. */
  readonly file?: string;
  act?(page: Page): Promise<void>;
}

// A real report of cases that must fail.
const scratch = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-pictures-'));
const { stdout } = preshuffle([
  'verify',
  '--wrong-way',
  'test/golden/fp8-incidents.safetensors',
  '--backend',
  'cpu',
  '--json',
]);
writeFileSync(path.join(scratch, 'report.json'), stdout);

const FP4 = 'dt=e2m1&shape=E2,N128,K256&experts=2&scale=1x32:e8m0:shuffle_scale(guinterleave,gate_up)';

const PICTURES: readonly Picture[] = [
  { name: 'atlas', hash: '#v=1&screen=atlas', size: [1400, 1000] },
  {
    name: 'lens',
    hash: `#v=1&screen=lens&a=shuffle_weight(guinterleave,gate_up)&${FP4}&color=lane&sel=e0.n17.k96`,
    size: [1400, 1000],
  },
  {
    name: 'lens-dark',
    hash: `#v=1&screen=lens&a=shuffle_weight(16,16)&shape=64,128&scale=128x128:f32:row-major&color=value&sel=n17.k40&step=2`,
    theme: 'dark',
    size: [1400, 1000],
  },
  {
    name: 'lens-narrow',
    hash: '#v=1&screen=lens&a=shuffle_scale&dt=e8m0&shape=100,11',
    size: [390, 844],
  },
  {
    name: 'diff',
    hash: '#v=1&screen=diff&a=shuffle_weight(guinterleave,gate_up)&b=shuffle_weight(16,16)&dt=e2m1&shape=E2,N128,K128',
    size: [1400, 1000],
  },
  { name: 'incidents', hash: '#v=1&screen=incidents', theme: 'dark', size: [1400, 1000] },
  {
    name: 'tensor',
    hash: '#v=1&screen=tensor',
    size: [1400, 1100],
    file: 'test/golden/moe.safetensors',
    act: (page) => page.getByRole('button', { name: 'fused_swiglu_16_8_4_128_256/w1 U8' }).click(),
  },
  {
    name: 'golden',
    hash: '#v=1&screen=golden',
    size: [1400, 1100],
    file: path.join(scratch, 'report.json'),
    act: (page) => page.getByText('weight-shuffled-read-plain').first().click(),
  },
  {
    name: 'run',
    hash: '#v=1&screen=run&topic=gemm_a8w8_blockscale_bpreshuffle',
    size: [1400, 900],
    act: async (page) => {
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByText(/^pass/i).first().waitFor({ timeout: 60_000 });
    },
  },
];

const only = process.argv[2];
const out = 'docs/img/visualizer';
mkdirSync(out, { recursive: true });
const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-page-'));
await buildVisualizer(folder);
const server = await serveFolder(folder, { port: 0 });
const browser = await launchChromium();
try {
  for (const { name, hash, theme = 'light', size = [1400, 900], file, act } of PICTURES) {
    if (only !== undefined && only !== name) continue;
    const page = await browser.newPage({
      viewport: { width: size[0], height: size[1] },
      colorScheme: theme,
      reducedMotion: 'reduce',
    });
    await page.goto(server.url + hash);
    await page.locator('main.screen > :not(.loading)').first().waitFor();
    if (file !== undefined) await page.locator('input[type=file]').first().setInputFiles(file);
    await act?.(page);
    // Pictures that are painted in slices, and the refined ones at rest.
    await page.waitForTimeout(1500);
    await page.screenshot({ path: path.join(out, `${name}.png`) });
    await page.close();
    console.log(`${out}/${name}.png`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
  rmSync(scratch, { recursive: true, force: true });
}
