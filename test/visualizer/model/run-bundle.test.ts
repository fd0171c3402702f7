import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildVisualizer } from '../../../src/tools/build-visualizer.mjs';

/** Part of an op's definition. */
const OP_SUMMARY = 'two-stage mixture of experts with MXFP4 weights';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-bundle-'));
  await buildVisualizer(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with everything that it imports at once. */
function closure(file: string, seen: Set<string> = new Set()): string {
  if (seen.has(file)) return '';
  seen.add(file);
  const text = readFileSync(path.join(folder, file), 'utf8');
  const imports = [...text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g)].map(([, to = '']) =>
    path.join(path.dirname(file), to),
  );
  return text + imports.map((one) => closure(one, seen)).join('');
}

it('loads no shader and no op with the page', () => {
  const first = closure('main.js');
  const found = ['@compute', 'requestAdapter', OP_SUMMARY].filter((text) => first.includes(text));
  expect(found).toEqual([]);
});

it('gives the engine a file of its own that needs no other and knows nothing of Node', () => {
  const engine = readFileSync(path.join(folder, 'run-worker.js'), 'utf8');
  const expected = ['@compute', 'requestAdapter', OP_SUMMARY];
  expect(expected.filter((text) => !engine.includes(text))).toEqual([]);
  expect(engine.match(/\bimport\s*[("{*].{0,40}/)).toBeNull();
  expect(['@sparticuz/chromium', '"webgpu")'].filter((text) => engine.includes(text))).toEqual([]);
});
