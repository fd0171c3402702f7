import Table from 'cli-table3';
import type { DumpComparison } from '../golden/compare-dumps.ts';
import { type DumpReport, type DumpResult, isFailure, worstTensor } from '../golden/compare-dumps-report.ts';
import {
  elementCells,
  numberLines,
  sharePercent,
  short,
  smallestText,
  verdictText,
} from '../golden/compare-dumps-text.ts';
import type { MismatchMap } from '../golden/mismatch-map.ts';
import { paint } from './colors.ts';
import { heatMapText } from './compare-heat-map.ts';
import { SPARSE } from './verify-table.ts';

type Color = ReturnType<typeof paint>;

/** What a person reads: one tensor in full; of several a table, and the worst in full. */
export function renderDumpReport(report: DumpReport, stream: { readonly isTTY?: boolean }): string {
  const color = paint(stream);
  const lines = [`A  ${report.a}`, `B  ${report.b}`, ''];
  lines.push(...report.warnings.map((text) => color('yellow', `note: ${text}`)));
  const [only] = report.tensors;
  const single = report.tensors.length === 1 && report.onlyInA.length + report.onlyInB.length === 0;
  const worst = single && only !== undefined && !isFailure(only) ? only : worstTensor(report.tensors);
  if (!single) lines.push(...tableLines(report, color), '', ...whereLines(report));
  if (worst !== undefined) lines.push(...detailLines(worst, color), '');
  lines.push(...notCompared(report, color));
  if (!single) lines.push(verdictLine(report, color));
  while (lines.at(-1) === '') lines.pop();
  return lines.join('\n');
}

function tableLines(report: DumpReport, color: Color): readonly string[] {
  const heads = ['tensor', 'type', 'shape', '', 'differ', 'equal', 'max abs', 'max rel', 'max ulp', 'SNR dB'];
  const table = new Table({
    head: heads.map((text) => color('bold', text)),
    colAligns: ['left', 'left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    chars: SPARSE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const result of report.tensors) table.push(row(result, color));
  return report.tensors.length === 0
    ? []
    : table
        .toString()
        .split('\n')
        .map((text) => text.trimEnd());
}

/** Where each tensor fails, but for the worst, which is shown in full. */
function whereLines({ tensors }: DumpReport): readonly string[] {
  const worst = worstTensor(tensors)?.name;
  const lines = tensors.flatMap((result) =>
    isFailure(result) || result.name === worst || result.skew.length === 0
      ? []
      : [`${result.name}: ${result.skew.join('; ')}`],
  );
  return lines.length === 0 ? [] : [...lines, ''];
}

function row(result: DumpResult, color: Color): string[] {
  if (isFailure(result)) return [result.name, '-', '-', color('red', 'not compared'), ...new Array(6).fill('-')];
  const { a, b } = result;
  return [
    result.name,
    a.type === b.type ? a.type : `${a.type} / ${b.type}`,
    result.shape.length === 0 ? 'scalar' : result.shape.join(' x '),
    result.passed ? color('green', 'pass') : color('red', 'FAIL'),
    result.mismatches.toLocaleString('en'),
    sharePercent(result.equal),
    short(result.maxAbs),
    short(result.maxRel),
    short(result.maxUlp),
    short(result.snrDb),
  ];
}

function detailLines(result: DumpComparison, color: Color): readonly string[] {
  const side = ({ type, layout }: DumpComparison['a']): string => `${type} ${layout}`;
  const sides = `${side(result.a)} against ${side(result.b)}`;
  const smallest = smallestText(result);
  const entries = [
    ['held by', result.criterion.text],
    ...numberLines(result),
    ...(smallest === undefined ? [] : [['tolerance', smallest]]),
    ...result.skew.map((text) => ['where', text]),
  ];
  return [
    `${color('bold', result.name)}  [${result.shape.join(', ')}]  ${sides}`,
    `${color(result.passed ? 'green' : 'red', result.passed ? 'pass' : 'FAIL')}  ${verdictText(result)}`,
    ...entries.map(([key = '', text]) => `  ${key.padEnd(16)}${text}`),
    ...worstLines(result),
    ...(result.map === undefined || isOneCell(result.map)
      ? []
      : ['', ...heatMapText(result.map, color).map((text) => `  ${text}`)]),
  ];
}

/** A picture of one cell says nothing. */
function isOneCell({ grid, matrices }: MismatchMap): boolean {
  return grid[0] * grid[1] * matrices === 1;
}

function worstLines({ worst }: DumpComparison): readonly string[] {
  if (worst.length === 0) return [];
  const rows = [['at', 'A', '', 'B', '', 'error'], ...worst.map(elementCells)];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  return [
    '',
    ...rows.map((cells) => `  ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()),
  ];
}

function notCompared({ tensors, onlyInA, onlyInB }: DumpReport, color: Color): readonly string[] {
  return [
    ...tensors.filter(isFailure).map(({ name, error }) => `${color('red', 'not compared')} ${name}: ${error}`),
    ...(onlyInB.length === 0 ? [] : [`${color('red', 'only in B')}: ${onlyInB.join(', ')}`]),
    ...(onlyInA.length === 0 ? [] : [`${color('yellow', 'only in A')}: ${onlyInA.join(', ')}`]),
  ];
}

function verdictLine({ passed, tensors, onlyInB }: DumpReport, color: Color): string {
  const failures = tensors.filter(isFailure).length;
  const held = tensors.filter((result) => result.passed).length;
  const parts = [
    `${held} of ${tensors.length} ${tensors.length === 1 ? 'tensor holds' : 'tensors hold'}`,
    ...(failures === 0 ? [] : [`${failures} not compared`]),
    ...(onlyInB.length === 0 ? [] : [`${onlyInB.length} missing in A`]),
  ];
  return color(passed ? 'green' : 'red', parts.join(', '));
}

/** For a ticket: a table, and what is known of each tensor that does not hold. */
export function renderDumpMarkdown(report: DumpReport): string {
  const plain: Color = (_, text) => text;
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const lines = [
    '# preshuffle compare',
    '',
    `A: \`${report.a}\`  `,
    `B: \`${report.b}\``,
    '',
    `**${verdictLine(report, plain)}**`,
    '',
    '| tensor | type | shape | | differ | equal | max abs | max rel | max ulp | SNR dB |',
    '|---|---|---|---|--:|--:|--:|--:|--:|--:|',
    ...report.tensors.map((result) => `| ${row(result, plain).map(cell).join(' | ')} |`),
    '',
    ...[...report.warnings, ...notCompared(report, plain)].flatMap((text) => [`- ${text}`]),
  ];
  for (const result of report.tensors) {
    if (isFailure(result) || result.passed) continue;
    lines.push('', `## ${result.name}`, '', '```', ...detailLines(result, plain), '```');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
