// `npm run bench:visualizer -- [lane,value] [frames]`: what the layout visualizer costs in Chromium. Frames of 1280 x 800 CSS pixels while a grid is panned and
// zoomed, in each colour mode; hovering; the first paint from localhost; bytes to load. Main-thread times: the browser draws to the screen
// beside them. A frame in motion may be coarser than the picture at rest, which is what keeps it fast.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { serveFolder } from '../../src/cli/static-server.ts';
import { buildVisualizer } from '../../src/tools/build-visualizer.mjs';
import { COLORS } from '../../src/visualizer/model/scene.ts';
import { launchChromium } from '../visualizer/browser/chromium.ts';

const [modes, frames = '90'] = process.argv.slice(2);
const WANTED = COLORS.filter((color) => modes === undefined || modes.split(',').includes(color));
const FRAMES = Number(frames);
const LOADS = 7;
/** GPT-OSS has 2880 columns; its loaders pad them to 3072, because the shuffle needs a multiple of 128. */
const TENSORS = {
  'fp8 4096 x 4096': 'a=shuffle_weight(16,16)&dt=e4m3fn&shape=4096,4096&scale=128x128:f32:row-major',
  'fp4 128 x 5760 x 3072':
    'a=shuffle_weight(guinterleave,gate_up)&dt=e2m1&shape=128,5760,3072&experts=128' +
    '&scale=1x32:e8m0:shuffle_scale(guinterleave,gate_up)',
} as const;

interface Frames {
  /** Milliseconds between frames. */
  readonly intervals: readonly number[];
  /** Milliseconds of the main thread in each. */
  readonly work: readonly number[];
}

type Motion = 'pan' | 'zoom' | 'hover';

/** Sends one pointer or wheel event a frame to the grid, as a hand would, and times the frames that answer. */
async function measure(page: Page, motion: Motion, frames: number): Promise<Frames> {
  return page.evaluate(
    async ({ motion, frames }) => {
      const grid = document.querySelector<HTMLElement>('.grid-canvas [role=grid]');
      if (grid === null) throw new Error('The page shows no grid.');
      const box = grid.getBoundingClientRect();
      const middle = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
      const pointer = (type: string, x: number, y: number, buttons: number): void => {
        const init = { clientX: x, clientY: y, pointerId: 1, pointerType: 'mouse', bubbles: true, buttons, button: 0 };
        grid.dispatchEvent(new PointerEvent(type, init));
      };
      // The pointer of a made-up event cannot be captured.
      grid.setPointerCapture = () => {};
      const step = (frame: number): void => {
        const angle = frame / 9;
        if (motion === 'zoom') {
          const deltaY = frame % 40 < 20 ? -60 : 60;
          grid.dispatchEvent(
            new WheelEvent('wheel', { clientX: middle.x, clientY: middle.y, deltaY, bubbles: true, cancelable: true }),
          );
        } else {
          const reach = motion === 'pan' ? 300 : 200;
          pointer('pointermove', middle.x + reach * Math.cos(angle), middle.y + reach * Math.sin(angle), 1);
        }
      };
      const intervals: number[] = [];
      const work: number[] = [];
      if (motion === 'pan') pointer('pointerdown', middle.x + 300, middle.y, 1);
      await new Promise<void>((resolve) => {
        let last = 0;
        const run = (frame: number): void => {
          let started = 0;
          requestAnimationFrame((now) => {
            started = performance.now();
            if (last > 0 && frame > 2) intervals.push(now - last);
            last = now;
          });
          const before = performance.now();
          step(frame);
          const spent = performance.now() - before;
          // Runs in the same frame, after what the event asked for.
          requestAnimationFrame(() => {
            void document.body.offsetHeight;
            if (frame > 2) work.push(performance.now() - started + spent);
            if (frame < frames) run(frame + 1);
            else resolve();
          });
        };
        run(0);
      });
      if (motion === 'pan') pointer('pointerup', middle.x, middle.y, 0);
      return { intervals, work };
    },
    { motion, frames },
  );
}

async function openLens(browser: Browser, url: string, fields: string): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: 1400, height: 1000 },
    colorScheme: 'light',
    bypassCSP: true,
  });
  await page.goto(`${url}#v=1&screen=lens&view=log&${fields}`);
  await page.addStyleTag({
    content:
      '.grid-canvas{position:fixed!important;inset:0!important;width:1280px!important;height:800px!important;z-index:9}',
  });
  await page.locator('.grid-canvas[data-state=rest]').first().waitFor({ timeout: 60_000 });
  return page;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

function row(...cells: readonly string[]): void {
  console.log(cells.map((cell, at) => (at < 3 ? cell.padEnd([24, 9, 7][at] ?? 0) : cell.padStart(11))).join(''));
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-page-'));
await buildVisualizer(folder);
const server = await serveFolder(folder, { port: 0 });
const browser = await launchChromium({ webgpu: false });
try {
  const [cpu] = os.cpus();
  console.log(
    `Chromium ${browser.version()}, headless, software rendering; ${os.cpus().length} x ${cpu?.model ?? 'unknown CPU'}; ` +
      `load ${os.loadavg()[0]?.toFixed(1)}; ${FRAMES} frames each\n`,
  );
  row('tensor', 'colour', 'motion', 'work p50', 'work p95', 'frame p50', 'frame p95', 'fps');
  for (const [name, fields] of Object.entries(TENSORS)) {
    for (const color of WANTED) {
      const page = await openLens(browser, server.url, `${fields}&color=${color}`);
      for (const motion of ['zoom', 'pan', 'hover'] as const) {
        const { intervals, work } = await measure(page, motion, FRAMES);
        const fps = (1000 * intervals.length) / intervals.reduce((sum, value) => sum + value, 0);
        const figures = [
          quantile(work, 0.5),
          quantile(work, 0.95),
          quantile(intervals, 0.5),
          quantile(intervals, 0.95),
        ];
        row(name, color, motion, ...figures.map(ms), fps.toFixed(0));
      }
      await page.close();
    }
  }
  await firstPaint();
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Prints when something is painted, when the screen is there, and what was loaded; an empty page first, which is the browser's own share. */
async function firstPaint(): Promise<void> {
  console.log('');
  row('page', '', '', 'paint p50', 'screen p50', 'scripts', 'gzip');
  writeFileSync(
    path.join(folder, 'empty.html'),
    '<!doctype html><title>empty</title><main class="screen"><p>.</p></main>',
  );
  for (const [name, address] of [
    ['empty page', 'empty.html'],
    ['atlas', '#v=1&screen=atlas'],
    ['lens', '#v=1&screen=lens'],
  ] as const) {
    const loads: PageLoad[] = [];
    for (let load = 0; load < LOADS; load += 1) loads.push(await loadPage(server.url + address));
    const files = [...new Set(loads[0]?.scripts ?? [])];
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(path.join(folder, file))).length, 0);
    const median = (pick: (load: PageLoad) => number): string => ms(quantile(loads.map(pick), 0.5));
    const times = [median(({ paint }) => paint), median(({ screen }) => screen)];
    row(name, '', '', ...times, String(files.length), `${(bytes / 1024).toFixed(1)} KiB`);
  }
}

interface PageLoad {
  /** Milliseconds from the navigation until the first contentful paint. */
  readonly paint: number;
  /** Milliseconds until the screen's elements are in the document. */
  readonly screen: number;
  readonly scripts: readonly string[];
}

async function loadPage(url: string): Promise<PageLoad> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (document.querySelector('.screen > :not(.loading)') === null) return;
      performance.mark('screen');
      observer.disconnect();
    });
    observer.observe(document, { childList: true, subtree: true });
  });
  await page.goto(url, { waitUntil: 'load' });
  await page.waitForTimeout(300);
  const seen = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    screen: performance.getEntriesByName('screen')[0]?.startTime ?? Number.NaN,
    scripts: performance
      .getEntriesByType('resource')
      .map(({ name }) => new URL(name).pathname)
      .filter((name) => name.endsWith('.js')),
  }));
  await context.close();
  return seen;
}
