import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type StaticServer, serveFolder } from '../../../src/cli/static-server.ts';
import { buildVisualizer } from '../../../src/tools/build-visualizer.mjs';
import { launchChromium, missingChromium } from './chromium.ts';

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
  readonly reducedMotion?: boolean;
  /** Console errors that the test expects; others fail it. */
  readonly allowErrors?: RegExp;
}

/** Pages of the visualizer, built from the sources, in one browser for a test file. */
export interface Visualizer {
  readonly url: () => string;
  /** Opens a page of its own at a permalink and waits until a screen is there. */
  openPage(hash?: string, options?: PageOptions): Promise<Page>;
}

/** Builds, serves and drives the page. Fails a test whose page wrote an error to the console, threw, or asked another host. */
export function useVisualizer(options: { readonly webgpu?: boolean } = {}): Visualizer {
  let folder = '';
  let server: StaticServer | undefined;
  let browser: Browser | undefined;
  let contexts: BrowserContext[] = [];
  let problems: string[] = [];

  const skip = process.env['CI'] ? undefined : missingChromium();
  beforeEach((test) => test.skip(skip !== undefined, skip));

  beforeAll(async () => {
    if (skip !== undefined) return;
    folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-page-'));
    await buildVisualizer(folder);
    server = await serveFolder(folder, { port: 0 });
    browser = await launchChromium(options);
  });

  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    const seen = problems;
    contexts = [];
    problems = [];
    expect(seen).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  return {
    url: () => server?.url ?? '',
    async openPage(hash = '', { width = 1280, height = 800, theme = 'light', reducedMotion = true, allowErrors } = {}) {
      if (browser === undefined || server === undefined) throw new Error('openPage works inside a test only');
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: theme,
        reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
        acceptDownloads: true,
      });
      contexts.push(context);
      const { url } = server;
      const page = await context.newPage();
      const report = (text: string): void => {
        if (allowErrors?.test(text) !== true) problems.push(text);
      };
      page.on('console', (message) => {
        if (message.type() === 'error') report(message.text());
      });
      page.on('pageerror', (error) => report(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url()))
          report(`asked another host: ${request.url()}`);
      });
      await page.goto(url + hash);
      await page.locator('main.screen > :not(.loading)').first().waitFor();
      return page;
    },
  };
}
