// Builds the layout visualizer into dist/visualizer: one folder of static files that any host can serve. What runs a kernel is split
// off, so that the page paints before it is loaded.
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

// Every tool runs in the repository's root; this file may run from inside a bundle.
const source = path.resolve('src/visualizer');

/** @param {string} outdir receives the files; emptied first */
export async function buildVisualizer(outdir) {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
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
    metafile: true,
  });
  // What runs kernels: a worker that the page starts when the first run begins.
  writeFileSync(path.join(outdir, 'run-worker.js'), await bundleAlone('run-worker', 'esm'));
  copyFileSync(path.join(source, 'icon.svg'), path.join(outdir, 'icon.svg'));
  const page = readFileSync(path.join(source, 'index.html'), 'utf8');
  const theme = (await bundleAlone('early-theme', 'iife')).trim();
  writeFileSync(path.join(outdir, 'index.html'), withPreloads(withInlineScript(page, theme), outdir, metafile));
}

/**
 * Puts a script into the page, which a file of its own would make wait, and admits just this one by its hash.
 * @param {string} page
 * @param {string} script
 */
function withInlineScript(page, script) {
  const hash = createHash('sha256').update(script).digest('base64');
  return page
    .replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`)
    .replace('<script></script>', () => `<script>${script}</script>`);
}

/**
 * The page with a hint for every part that its script imports at once, so that they are fetched side by side.
 * @param {string} page
 * @param {string} outdir
 * @param {import('esbuild').Metafile} metafile
 */
function withPreloads(page, outdir, metafile) {
  const parts = new Set();
  const visit = (/** @type {string} */ file) => {
    for (const { path: imported, kind } of metafile.outputs[file]?.imports ?? []) {
      if (kind !== 'import-statement' || parts.has(imported)) continue;
      parts.add(imported);
      visit(imported);
    }
  };
  visit(path.relative('', path.join(outdir, 'main.js')));
  const links = [...parts].map((file) => `    <link rel="modulepreload" href="${path.relative(outdir, file)}" />\n`);
  return page.replace('  </head>', `${links.join('')}  </head>`);
}

/**
 * A script in one piece, of which nothing moves into what the page loads first.
 * @param {string} name
 * @param {'iife' | 'esm'} format
 */
async function bundleAlone(name, format) {
  const { outputFiles } = await build({
    entryPoints: [path.join(source, `${name}.ts`)],
    write: false,
    bundle: true,
    minify: true,
    format,
    target: 'es2023',
    platform: 'browser',
    plugins: [withoutNode],
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles[0].text;
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
