import { beforeAll, describe, expect, it } from 'vitest';
import {
  type GoldenLook,
  goldenMarkdown,
  goldenSource,
  goldenView,
} from '../../../../src/visualizer/model/export/golden.ts';
import { windowColors } from '../../../../src/visualizer/model/export/picture.ts';
import type { PictureSource } from '../../../../src/visualizer/model/export/source.ts';
import { svgOf } from '../../../../src/visualizer/model/export/svg.ts';
import { fittingCell } from '../../../../src/visualizer/model/export/views.ts';
import { rateColor } from '../../../../src/visualizer/model/golden-map.ts';
import type { ReportMap } from '../../../../src/visualizer/model/golden-map-json.ts';
import { type BackendRun, parseReport, type ReportCase } from '../../../../src/visualizer/model/golden-report.ts';
import { faultyReport } from '../../golden-reports.ts';

let run: BackendRun;
beforeAll(async () => {
  run = parseReport(JSON.stringify(await faultyReport()), 'r.json').backends.at(-1) as BackendRun;
});

function caseOf(name: string): ReportCase {
  const found = run.results.find((result) => result.case === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}

function sourceOf(
  name: string,
  look: Partial<GoldenLook> = {},
): { pictures: PictureSource | undefined; markdown: string } {
  const result = caseOf(name);
  const tensor = result.metrics?.tensors.find(({ mismatches }) => mismatches > 0) ?? result.metrics?.tensors[0];
  const source = goldenSource({ run, result, tensor, mode: 'matrix', matrix: 0, link: 'L', ...look });
  if (source.kind !== 'ready') throw new Error(source.kind);
  expect(source.texts.map(({ format }) => format)).toEqual(['markdown', 'link']);
  return { pictures: source.pictures, markdown: source.texts[0]?.make('').text ?? '' };
}

describe('the comment', () => {
  it('tells status, reason, numbers, the skew and the worst elements', () => {
    const { markdown } = sourceOf('moe_w_4x128x128_gi0_gu1');
    expect(markdown.replace(/, [\d.]+ ms\n/, ', 1 ms\n')).toMatchInlineSnapshot(`
      "**fail**: \`moe_w_4x128x128_gi0_gu1\` in \`test/golden/shuffle.safetensors\`, \`moe_shuffle_weight\`, on hip (CPU reference with built-in faults), 1 ms

      \`\`\`
      y: 15412 of 131072 elements differ from "y"; first at [2, 16, 1] (offset 69633, byte 34816): expected 0x2 = 1, got 0x0 = 0
      \`\`\`

      | tensor | differ | of | same code | max abs | max rel | max ulp | cosine | of bound |
      | --- | --- | --- | --- | --- | --- | --- | --- | --- |
      | y | 15412 | 131072 | 88.24 % | 6 | 1 | 7 | 0.9356 | exact |

      **y**, e2m1 \`shuffle_weight(16,16)\` [4, 128, 256]

      - All 15412 mismatches have e = 2. Only 25 % of the elements do.
      - All 15412 mismatches have n mod 32 >= 16. Only 50 % of the elements do.

      Worst elements:

      | element | byte | expected | got | allowed | ulp |
      | --- | --- | --- | --- | --- | --- |
      | e=2 n=16 k=12 | 0x8806 | 0x7 = 6 | 0x0 = 0 | the same code | 7 |
      | e=2 n=16 k=14 | 0x8807 | 0x7 = 6 | 0x0 = 0 | the same code | 7 |
      | e=2 n=16 k=21 | 0x880a | 0xf = -6 | 0x0 = 0 | the same code | 7 |
      | e=2 n=16 k=27 | 0x880d | 0x7 = 6 | 0x0 = 0 | the same code | 7 |
      | e=2 n=16 k=28 | 0x880e | 0x7 = 6 | 0x0 = 0 | the same code | 7 |

      [Open in preshuffle](L); the report is opened there.
      "
    `);
  });

  it('has for every case tables of one width, and a row for every tensor and worst element', () => {
    for (const result of run.results) {
      const text = goldenMarkdown(run, result, 'L');
      const tables = text.split('\n\n').filter((block) => block.startsWith('|'));
      const tensors = result.metrics?.tensors ?? [];
      const maps = tensors.flatMap(({ map, mismatches }) => (map === undefined || mismatches === 0 ? [] : [map]));
      const wanted = [tensors.length, ...maps.map(({ worst }) => worst.length)].filter((rows) => rows > 0);
      expect(tables.map((table) => table.split('\n').length - 2)).toEqual(wanted);
      for (const table of tables) expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1);
      for (const { skew } of maps) for (const { text: words } of skew) expect(text).toContain(words.slice(1));
      expect(text.startsWith(`**${result.status}**: \`${result.case}\``)).toBe(true);
    }
  });

  it('quotes a reason that has marks of markdown, and says where there is none', () => {
    const result: ReportCase = {
      case: '',
      file: 'a.safetensors',
      op: '',
      status: 'skip',
      invalid: true,
      reason: 'holds ``` | and `x`',
      metrics: null,
      diagnosis: ['first', 'second'],
    };
    expect(goldenMarkdown({ ...run, device: null, id: 'cpu' }, result, 'L')).toBe(
      '**unusable**: the whole file in `a.safetensors`, no op, on cpu\n\n````\nholds ``` | and `x`\n````\n\n- first\n- second\n\n[Open in preshuffle](L); the report is opened there.\n',
    );
  });
});

describe('the heat map', () => {
  it('is that of the screen, with title, device and skew', () => {
    const { pictures } = sourceOf('moe_w_4x128x128_gi0_gu1', { mode: 'expert', matrix: 2 });
    expect(pictures?.first).toBe('expert');
    expect(pictures?.views.map(([id]) => id)).toEqual(['matrix', 'tile', 'expert']);
    expect(pictures?.fileName('tile', 'png')).toBe('moe_w_4x128x128_gi0_gu1-hip-y-tile.png');
    const shown = pictures?.show('matrix', 'light');
    if (shown === undefined) throw new Error('no picture');
    expect(shown.title).toBe('moe_w_4x128x128_gi0_gu1: y, 15412 of 131072 elements differ (11.8 %)');
    expect(shown.lines[1]).toBe('e2m1 shuffle_weight(16,16), 128 × 256, e = 2, a cell is 2 × 4 elements');
    expect(shown.lines).toContain('All 15412 mismatches have n mod 32 >= 16. Only 50 % of the elements do.');
    const window = { row: 0, column: 0, rows: shown.grid.rows, columns: shown.grid.columns };
    const inks = { background: '#fff', text: '#000', muted: '#555', border: '#222' };
    const svg = svgOf({ ...shown, window, cell: fittingCell(window), link: 'L', inks }, 'auto');
    expect(svg).toContain('n mod 32 &gt;= 16');
    expect(svg).toContain('>100 %<');
    // Rows 0 to 15 of each 32 have no mismatch.
    const colors = windowColors(shown, window);
    expect(new Set(colors.subarray(0, 8 * window.columns))).toEqual(new Set([rateColor(0, 'light')]));
    expect(colors.subarray(8 * window.columns, 9 * window.columns)).not.toContain(rateColor(0, 'light'));
  });

  it('is that of the chosen matrix', () => {
    const result = caseOf('a8w8_blockscale_33x384x1024');
    const tensor = result.metrics?.tensors[0];
    if (tensor?.map === undefined) throw new Error('no map');
    const map: ReportMap = tensor.map;
    const shown = goldenView(run, result, tensor, map, { mode: 'matrix', matrix: 0 }, 'dark');
    expect([shown.grid.rows, shown.grid.columns]).toEqual(map.grid);
    expect(shown.lines.slice(2)).toEqual(['All 4217 mismatches have 128 <= n < 256. Only 33.3 % of the elements do.']);
  });

  it('is not there for a tensor that holds', () => {
    expect(sourceOf('weight_fp8_128x256').pictures).toBeUndefined();
  });
});
