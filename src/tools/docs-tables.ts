// Writes the generated tables of README.md and docs/layouts.md and the pages of docs/decisions/ and docs/diagnosis/ from the code: `npm run docs`. With --check it changes nothing and
// fails when a table is out of date.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { kernelFor as hipKernelFor } from '../../backends/hip/kernels/index.ts';
import { kernelFor } from '../../backends/webgpu/kernels/index.ts';
import { catalog } from '../layout/catalog.ts';
import { definitionOf, OP_NAMES } from '../ops/registry.ts';
import { decisionPages } from './decision-pages.ts';
import { hypothesisPages } from './hypothesis-pages.ts';

function supportTable(): string {
  const rows = OP_NAMES.map((name) => {
    const { summary, bound } = definitionOf(name);
    const webgpu = typeof kernelFor(name) === 'string' ? '—' : 'yes';
    const hip = typeof hipKernelFor(name) === 'string' ? '—' : 'yes';
    return `| \`${name}\` | ${summary} | ${bound === undefined ? 'exact' : 'bound'} | yes | ${webgpu} | ${hip} |`;
  });
  return ['| op | what it does | compared | cpu | webgpu | hip |', '|---|---|---|---|---|---|', ...rows].join('\n');
}

function layoutTable(): string {
  const rows = catalog.map(({ id, title, operand, source, padding, example, bind }) => {
    const layout = bind(example);
    const pad = typeof padding === 'number' ? `0x${padding.toString(16).padStart(2, '0')}` : padding;
    return `| \`${id}\` | ${title} | ${operand} | \`${String(layout).replaceAll('|', '\\|')}\` for [${example.join(', ')}] | ${pad} | ${source} |`;
  });
  return [
    '| id | what it is | operand | notation, bound to a small shape | padding | source |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

const TABLES = [
  { file: 'README.md', name: 'support table', text: supportTable },
  { file: 'docs/layouts.md', name: 'layout table', text: layoutTable },
] as const;

const stale: string[] = [];
for (const { file, name, text } of TABLES) {
  const before = readFileSync(file, 'utf8');
  const block = new RegExp(`(<!-- ${name}:[^\\n]*-->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`);
  if (!block.test(before)) throw new Error(`${file} has no block "${name}"`);
  const after = before.replace(block, (_, begin: string, end: string) => `${begin}\n${text()}\n\n${end}`);
  if (after === before) continue;
  if (process.argv.includes('--check')) stale.push(file);
  else writeFileSync(file, after);
}

for (const [folder, pages] of [
  ['docs/decisions', decisionPages()],
  ['docs/diagnosis', hypothesisPages()],
] as const) {
  const known = new Set(pages.map(({ file }) => file));
  for (const { file, text } of pages) {
    const before = current(file);
    if (before === text) continue;
    if (process.argv.includes('--check')) {
      if (before === undefined || lasting(file, before) !== lasting(file, text)) stale.push(file);
    } else {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }
  for (const file of filesIn(folder).filter((name) => !known.has(name))) {
    if (process.argv.includes('--check')) stale.push(file);
    else rmSync(file);
  }
}

/** A page without what hangs on the last bit of Math.exp and Math.cos, which engines do not agree about. */
function lasting(file: string, text: string): string {
  return file.endsWith('.svg') ? '' : text.replace(/^Planted in .*$/gm, '');
}

function filesIn(folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => path.extname(name) !== '')
    .map((name) => `${folder}/${name.split(path.sep).join('/')}`);
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}; run "npm run docs".`);
  process.exitCode = 1;
}
