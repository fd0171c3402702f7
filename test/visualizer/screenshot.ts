// A picture of the visualizer: node src/tools/run-ts.mjs test/visualizer/screenshot.ts '#v=1&screen=lens' out.png [--width 1400]
// [--height 900] [--theme dark] [--full] [--wait 500] [--hover SELECTOR] [--click SELECTOR] [--file PATH]
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { serveFolder } from '../../src/cli/static-server.ts';
import { buildVisualizer } from '../../src/tools/build-visualizer.mjs';
import { launchChromium } from './browser/chromium.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1400' },
    height: { type: 'string', default: '900' },
    theme: { type: 'string', default: 'light' },
    full: { type: 'boolean', default: false },
    wait: { type: 'string', default: '400' },
    hover: { type: 'string' },
    click: { type: 'string', multiple: true },
    file: { type: 'string' },
  },
});
const [hash = '', out = 'screenshot.png'] = positionals;
const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-page-'));
await buildVisualizer(folder);
const server = await serveFolder(folder, { port: 0 });
const browser = await launchChromium();
try {
  const page = await browser.newPage({
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.theme === 'dark' ? 'dark' : 'light',
  });
  page.on('console', (message) => console.log(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => console.log(`error: ${error}`));
  await page.goto(server.url + hash);
  await page.locator('main.screen > :not(.loading)').first().waitFor();
  if (values.file !== undefined) await page.locator('input[type=file]').first().setInputFiles(values.file);
  for (const selector of values.click ?? []) await page.locator(selector).first().click();
  if (values.hover !== undefined) await page.locator(values.hover).first().hover();
  await page.waitForTimeout(Number(values.wait));
  await page.screenshot({ path: out, fullPage: values.full });
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
