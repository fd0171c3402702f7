// Builds the layout visualizer into dist/visualizer: one folder of static files that any host can serve. What runs a kernel is split
// off, so that the page paints before it is loaded.
import { copyFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

// Every tool runs in the repository's root; this file may run from inside a bundle.
const source = path.resolve('src/visualizer');

/**
 * @param {string} outdir receives the files; emptied first */
export async function buildVisualizer(outdir) {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [
      { in: path.join(source, 'main.tsx'), out: 'main' },
      { in: path.join(source, 'styles/main.css'), out: 'main' },
    ],
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    platform: 'browser',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // Reached only under Node, behind dynamic imports.
    external: ['node:*', 'webgpu', '@sparticuz/chromium'],
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: false,
    legalComments: 'none',
    logLevel: 'warning',
  });
  await buildEngine(outdir);
  for (const file of ['index.html', 'icon.svg']) copyFileSync(path.join(source, file), path.join(outdir, file));
}

/**
 * What runs kernels, in a file of its own: the page loads it as a worker when the first run begins. Built apart, so that nothing of
 * it moves into what the page loads first.
 * @param {string} outdir
 */
async function buildEngine(outdir) {
  await build({
    entryPoints: [{ in: path.join(source, 'run-worker.ts'), out: 'run-worker' }],
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    platform: 'browser',
    plugins: [withoutNode],
    legalComments: 'none',
    logLevel: 'warning',
  });
}

/** @type {import('esbuild').Plugin} What looks for adapters in Node is never reached in a browser, and stays out. */
const withoutNode = {
  name: 'without-node',
  setup(context) {
    context.onLoad({ filter: /backends[\\/]webgpu[\\/]node[\\/]adapter\.ts$/ }, () => ({
      contents: 'export const findNodeAdapter = undefined;',
    }));
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildVisualizer('dist/visualizer');
