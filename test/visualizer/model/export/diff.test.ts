import { describe, expect, test } from 'vitest';
import { PreshuffleError } from '../../../../src/errors.ts';
import { catalog, type Layout, readDigits } from '../../../../src/layout/index.ts';
import { bindPair, countClasses, DIFF_CLASSES, type PairScene } from '../../../../src/visualizer/model/diff.ts';
import { classWords, firstWrong, misreadingAt, percentText } from '../../../../src/visualizer/model/diff-lines.ts';
import { diffColors } from '../../../../src/visualizer/model/diff-paint.ts';
import {
  DIFF_VIEWS,
  diffCsv,
  diffFileName,
  diffMarkdown,
  diffView,
  pairAxes,
} from '../../../../src/visualizer/model/export/diff.ts';
import { diffCode } from '../../../../src/visualizer/model/export/diff-code.ts';
import { diffSource } from '../../../../src/visualizer/model/export/diff-source.ts';
import { windowColors } from '../../../../src/visualizer/model/export/picture.ts';
import { selectionCoords, wholeTensor } from '../../../../src/visualizer/model/export/selection.ts';
import { svgOf } from '../../../../src/visualizer/model/export/svg.ts';
import { firstWindow, fittingCell } from '../../../../src/visualizer/model/export/views.ts';
import { INCIDENT_SCENES } from '../../../../src/visualizer/model/incident-scenes.ts';
import { runProgram } from './run-program.ts';

const WEIGHT: PairScene = { a: 'shuffle_weight(16,16)', b: 'row-major', type: 'e4m3fn', shape: [64, 128], experts: 1 };

const SCENES: readonly (readonly [string, PairScene])[] = [
  ...INCIDENT_SCENES.flatMap(({ id, picture }) => (picture.kind === 'pair' ? [[id, picture.pair] as const] : [])),
  ['fp4 in a plain order', { ...WEIGHT, type: 'e2m1' }],
  ['padded scales', { a: 'row-major', b: 'shuffle_scale', type: 'e8m0', shape: [100, 11], experts: 1 }],
  ['the bytes end early', { a: 'shuffle_scale', b: 'row-major', type: 'e8m0', shape: [100, 11], experts: 1 }],
  ['steps that do not nest', { a: 'column-major', b: 'row-major', type: 'f32', shape: [6, 4], experts: 1 }],
];

/** Those of which every element is looked at: the smaller ones, and one with experts. */
const SMALL = SCENES.filter(
  ([id, { shape }]) => shape.reduce((all, size) => all * size, 1) <= 8192 || id === 'moe-l4-read-separated',
);

describe.each(SCENES)('%s', (_, scene) => {
  const pair = bindPair(scene);
  const { written, read, bits, right } = pair;

  test('the program prints the numbers of the screen', () => {
    const program = runProgram<{ readonly written: Layout; readonly read: Layout }>(diffCode(pair, scene, 'L'));
    expect(program.written.equals(written.layout)).toBe(true);
    expect(program.read.equals(read.layout)).toBe(true);
    const digits = readDigits(written.layout, read.layout) ?? [];
    const byte = (offset: number): number => (offset * bits) / 8;
    expect(program.printed).toEqual([
      [right.correct, right.total],
      ...digits.map(({ size, asked, got }) => [size, asked, got]),
      ...firstWrong(pair).map(({ asked, offset, got, liesAt }) => [asked, byte(offset), got, byte(liesAt)]),
    ]);
  });

  test('tables of the comment have rows of one length, and eight elements', () => {
    const tables = diffMarkdown(pair, scene, 'L')
      .split('\n\n')
      .filter((block) => block.startsWith('|'));
    expect(tables).toHaveLength(2);
    for (const table of tables)
      expect(new Set(table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length)).size).toBe(1);
    expect(tables[1]?.split('\n')).toHaveLength(2 + Math.min(8, right.total - right.correct));
  });
});

describe.each(SMALL)('%s, element by element', (_, scene) => {
  const pair = bindPair(scene);
  const { read, bits, right } = pair;

  test('every line of the CSV is what the Diff says of the element, and the classes add up', () => {
    const coords = selectionCoords(wholeTensor(read.layout));
    const [header = '', ...lines] = diffCsv(pair, coords).trimEnd().split('\n');
    const got = pair.names.map((name) => `got_${name}`);
    expect(header).toBe([...pair.names, 'byte_read,bit_read', ...got, 'byte_wanted,bit_wanted,class'].join(','));
    expect(lines).toHaveLength(read.layout.size);
    const words = classWords(pair);
    const place = (offset: number): string => `${Math.floor((offset * bits) / 8)},${(offset * bits) % 8}`;
    for (let at = 0; at < lines.length; at += 97) {
      const row = misreadingAt(pair, coords[at] ?? []);
      const there = row.got ?? row.asked.map(() => '');
      const wanted = [...row.asked, place(row.offset), ...there, place(row.liesAt), words[row.kind].label];
      expect(lines[at]).toBe(wanted.join(','));
    }
    const { shares, exact } = countClasses(pair);
    expect(exact).toBe(true);
    for (const name of DIFF_CLASSES) {
      const count = lines.filter((line) => line.endsWith(`,${words[name].label}`)).length;
      expect(count / right.total, name).toBeCloseTo(shares[name], 12);
    }
  });

  test('the picture has as many cells of a colour as the legend says', () => {
    const { shares } = countClasses(pair);
    const shown = diffView('diff', pair, scene, 128, 'light');
    const { grid, legend } = shown;
    const window = { row: 0, column: 0, rows: grid.rows, columns: grid.columns };
    const colors = windowColors(shown, window);
    const present = DIFF_CLASSES.filter((name) => shares[name] > 0);
    const words = classWords(pair);
    expect(legend.entries.map(({ label }) => label)).toEqual(
      present.map((name) => `${words[name].label} ${percentText(shares[name])}`),
    );
    for (const name of present) {
      const color = diffColors('light')[name];
      expect(colors.filter((other) => other === color).length / right.total).toBeCloseTo(shares[name], 12);
    }
    expect(grid.columnLabel(0)).toBe(`${pair.names.at(-1)}=0`);
  });

  test('every view becomes a file with title, sentence and link', () => {
    for (const [view] of DIFF_VIEWS) {
      const shown = diffView(view, pair, scene, 128, 'dark');
      const window = firstWindow(shown.grid, { row: 0, column: 0 });
      const inks = { background: '#fff', text: '#000', muted: '#555', border: '#222' };
      const svg = svgOf({ ...shown, window, cell: fittingCell(window), link: 'https://example.org/', inks }, 'auto');
      expect(svg).toContain(`${percentText(right.correct / right.total)} right`);
      expect(svg).toContain('href="https://example.org/"');
      expect(Math.max(...shown.lines.slice(2).map((line) => line.length))).toBeLessThanOrEqual(110);
    }
  });
});

test('every layout of the catalog can be on either side of a program', () => {
  const shapes = [
    [64, 128],
    [2, 256, 256],
    [256, 8],
  ];
  for (const { id } of catalog) {
    const ran = shapes.some((shape) => {
      for (const type of ['e4m3fn', 'e8m0', 'f32'] as const) {
        const scene = { a: id, b: 'row-major', type, shape, experts: 1 };
        try {
          const pair = bindPair(scene);
          expect(runProgram<object>(diffCode(pair, scene, '')).printed[0]).toEqual([
            pair.right.correct,
            pair.right.total,
          ]);
          return true;
        } catch (error) {
          // Not every layout takes every shape.
          if (!(error instanceof PreshuffleError)) throw error;
        }
      }
      return false;
    });
    expect([id, ran]).toEqual([id, true]);
  }
});

describe('the shuffled weight, read plainly', () => {
  const pair = bindPair(WEIGHT);

  test('as a program', () => {
    const source = diffCode(pair, WEIGHT, 'https://example.org/#v=1', [[17, 40]]);
    expect(source).toMatchInlineSnapshot(`
      "// Written as Preshuffled weight, gate and up separated, read as Row-major: e4m3fn [64, 128]
      // Rows and columns: asked for n = 16a + 2b + c, k = 16d + e, the kernel gets n = 16a + 8c + d, k = 16b + e (a < 4, b < 8,
      // c < 2, d < 8, e < 16).
      // https://example.org/#v=1
      import { correctlyRead, readAs, readDigits, rowMajor, shuffleWeight } from 'preshuffle/layout';

      export const written = shuffleWeight([64, 128], { bits: 8 });
      export const read = rowMajor([64, 128]);

      const { correct, total } = correctlyRead(written, read);
      console.log(correct, total);

      // Digits of the coordinate that is asked for, and of the one that is got; undefined where they do not nest.
      for (const { size, asked, got } of readDigits(written, read) ?? []) console.log(size, asked, got);

      const gets = readAs(written, read);
      const byte = (offset: number): number => offset;
      // What is asked for, the byte that is read, the element that lies there, and the byte where the wanted one lies.
      for (const coord of [[17, 40]])
        console.log(coord, byte(read.offset(coord)), gets(coord), byte(written.offset(coord)));
      "
    `);
    expect(runProgram<object>(source).printed.at(-1)).toEqual([[17, 40], 2216, [26, 8], 2584]);
  });

  test('as a comment', () => {
    expect(diffMarkdown(pair, WEIGHT, 'https://example.org/#v=1')).toMatchInlineSnapshot(`
      "**Written as \`shuffle_weight(16,16)\`, read as \`row-major\`**, e4m3fn [64, 128]

      Rows and columns: asked for n = 16a + 2b + c, k = 16d + e, the kernel gets n = 16a + 8c + d, k = 16b + e (a < 4, b < 8, c < 2, d < 8, e < 16). Pieces of 16 columns stay whole. Nothing leaves its block of 16 rows. Applied to its own output, shuffle_weight(16,16) returns the plain bytes after 7 rounds.

      1.56 % of the elements are read right: 128 of 8,192.

      | class | share | meaning |
      | --- | --- | --- |
      | right | 1.56 % | lies at the address that is read |
      | other lane | 48.4 % | lies in the same 1 KiB load of a wave (64 lanes by 16 bytes): another lane has it |
      | elsewhere | 50 % | lies further away |

      First 8 wrong elements:

      | asked for | reads | gets | it lies at | class |
      | --- | --- | --- | --- | --- |
      | W[n=0, k=16] | byte 0x10 | W[n=1, k=0] | byte 0x100 | other lane |
      | W[n=0, k=17] | byte 0x11 | W[n=1, k=1] | byte 0x101 | other lane |
      | W[n=0, k=18] | byte 0x12 | W[n=1, k=2] | byte 0x102 | other lane |
      | W[n=0, k=19] | byte 0x13 | W[n=1, k=3] | byte 0x103 | other lane |
      | W[n=0, k=20] | byte 0x14 | W[n=1, k=4] | byte 0x104 | other lane |
      | W[n=0, k=21] | byte 0x15 | W[n=1, k=5] | byte 0x105 | other lane |
      | W[n=0, k=22] | byte 0x16 | W[n=1, k=6] | byte 0x106 | other lane |
      | W[n=0, k=23] | byte 0x17 | W[n=1, k=7] | byte 0x107 | other lane |

      [Open in preshuffle](https://example.org/#v=1)
      "
    `);
  });

  test('names of files hold both layouts', () => {
    expect(diffFileName(WEIGHT, 'diff', 'png')).toBe('shuffle_weight_16_16-read_as-row-major-e4m3fn-64x128-diff.png');
    const pattern = { ...WEIGHT, a: '(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1' };
    expect(diffFileName(pattern, '', 'csv')).toMatch(/^[\w.-]+-read_as-row-major-e4m3fn-64x128\.csv$/);
  });
});

describe('the source', () => {
  const pair = bindPair(WEIGHT);
  const source = diffSource(pair, WEIGHT, { first: 'rows', line: 128, pins: [[17, 40], [99, 0], [1]], link: 'L' });
  if (source.kind !== 'ready') throw new Error(source.kind);
  const text = (format: string, range = ''): string =>
    source.texts.find((entry) => entry.format === format)?.make(range).text ?? '';

  test('reads ranges by the names of the screen, and leaves out pins that are not there', () => {
    expect(pairAxes(pair).dims.map(({ name }) => name)).toEqual(['n', 'k']);
    expect(text('csv', 'n=17 k=38:42')).toBe(
      diffCsv(
        pair,
        [38, 39, 40, 41].map((k) => [17, k]),
      ),
    );
    expect(() => text('csv', 'd0=1')).toThrow(
      'Range: "d0=1" is not understood; expected such as "n=0:1 k=0" with the dimensions n, k.',
    );
    expect(text('typescript')).toBe(diffCode(pair, WEIGHT, 'L', [[17, 40]]));
    expect(source.pictures?.first).toBe('rows');
    const { grid } = source.pictures?.show('diff', 'light') ?? {};
    expect(grid === undefined ? undefined : source.pictures?.around?.('diff', grid)).toEqual({ row: 17, column: 40 });
  });
});
