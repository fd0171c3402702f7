import Table from 'cli-table3';
import type { BackendReport, CaseResult } from '../golden/report.ts';
import { paint } from './colors.ts';
import { wrapText } from './wrap-text.ts';

/** One line an op: how many cases held, how exactly, how long. Failures and skips follow in full. */
export function renderReport(report: BackendReport, verbose: boolean, stream: { readonly isTTY?: boolean }): string {
  const color = paint(stream);
  const title = color('bold', `${report.backend.id}  ${report.backend.device}`);
  const table = new Table({
    head: ['op', 'pass', 'fail', 'skip', 'elements', 'equal', 'max ulp', 'of bound', 'ms'].map((text) =>
      color('bold', text),
    ),
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    chars: SPARSE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const [op, results] of groupByOp(report.results)) table.push(opRow(op, results, color));
  const lines = [title, table.toString()];
  for (const result of report.results.filter(({ status }) => status === 'fail')) {
    lines.push(`${color('red', result.invalid === true ? 'INVALID' : 'FAIL')} ${result.case} (${result.file})`);
    lines.push(...result.reason.split('\n').map((line) => `     ${line}`));
    lines.push(...result.diagnosis.flatMap((line, at) => diagnosisLine(line, at === 0 ? 'bold' : 'dim', color)));
  }
  lines.push(...skipLines(report.results, verbose, color));
  const verdict = `${report.cases} cases: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`;
  lines.push(color(report.failed > 0 ? 'red' : 'green', verdict));
  return lines.join('\n');
}

/** The first line names the mistake; a long one goes on further in. */
function diagnosisLine(text: string, style: 'bold' | 'dim', color: ReturnType<typeof paint>): readonly string[] {
  return wrapText(text, 7).map((line, at) => color(style, at === 0 ? line.slice(2) : line));
}

/** Spaces only: the table must survive being pasted into an issue. */
export const SPARSE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const;

function groupByOp(results: readonly CaseResult[]): ReadonlyMap<string, readonly CaseResult[]> {
  const groups = new Map<string, CaseResult[]>();
  for (const result of results) {
    const key = result.op === '' ? '(file)' : result.op;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [result]);
    else group.push(result);
  }
  return groups;
}

function opRow(op: string, results: readonly CaseResult[], color: ReturnType<typeof paint>): string[] {
  const count = (status: CaseResult['status']): number => results.filter((result) => result.status === status).length;
  const metrics = results.flatMap((result) => (result.metrics === null ? [] : [result.metrics]));
  const elements = metrics.reduce((sum, entry) => sum + entry.elements, 0);
  const equal = metrics.reduce((sum, entry) => sum + entry.equal * entry.elements, 0) / Math.max(1, elements);
  const most = (values: readonly (number | null)[]): number | null =>
    values.reduce((a, b) => (b === null ? a : Math.max(a ?? 0, b)), null);
  const ulp = most(metrics.map((entry) => entry.maxUlp));
  const bound = most(metrics.map((entry) => entry.boundUsed));
  const failed = count('fail');
  return [
    op,
    String(count('pass')),
    failed > 0 ? color('red', String(failed)) : '0',
    String(count('skip')),
    elements === 0 ? '-' : elements.toLocaleString('en'),
    elements === 0 ? '-' : `${formatShare(equal)} %`,
    ulp === null || elements === 0 ? '-' : String(ulp),
    elements === 0 ? '-' : bound === null ? 'exact' : bound.toFixed(2),
    metrics.reduce((sum, entry) => sum + entry.ms, 0).toFixed(0),
  ];
}

/** Never rounds up to 100: one wrong byte must show. */
export function formatShare(share: number): string {
  return share === 1 ? '100' : (Math.floor(share * 10000) / 100).toFixed(2);
}

function skipLines(
  results: readonly CaseResult[],
  verbose: boolean,
  color: ReturnType<typeof paint>,
): readonly string[] {
  const skipped = results.filter(({ status }) => status === 'skip');
  if (verbose) return skipped.map((result) => `${color('yellow', 'skip')} ${result.case}: ${result.reason}`);
  const reasons = new Map<string, number>();
  for (const { reason } of skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [...reasons].map(
    ([reason, count]) => `${color('yellow', 'skip')} ${count} case${count === 1 ? '' : 's'}: ${reason}`,
  );
}
