import type { BackendReport, CaseResult } from './report.ts';

/** Failing cases in full; of more, the names. */
const MOST = 20;

/** A report for a comment in a pull request: what failed, why, and what is known about it. */
export function renderMarkdown(reports: readonly BackendReport[]): string {
  return `${['# preshuffle verify', ...reports.flatMap(backendParts)].join('\n\n')}\n`;
}

function backendParts({ backend, cases, passed, failed, skipped, results }: BackendReport): readonly string[] {
  const failing = results.filter(({ status }) => status === 'fail');
  const rest = failing.slice(MOST);
  return [
    `## ${cell(backend.id)}`,
    `${cell(backend.device)}: **${cases} cases: ${passed} passed, ${failed} failed, ${skipped} skipped**`,
    ...(failing.length === 0 ? [] : [table(failing)]),
    ...failing.slice(0, MOST).map(details),
    ...(rest.length === 0 ? [] : [`and ${rest.map((result) => code(result.case)).join(', ')}`]),
  ];
}

/** One line a failing case; the first line of a diagnosis names the mistake. */
function table(failing: readonly CaseResult[]): string {
  return [
    '| case | op | differ | diagnosis |',
    '|---|---|--:|---|',
    ...failing.map(({ case: name, op, metrics, invalid, diagnosis }) => {
      const differ = metrics === null ? '' : `${metrics.mismatches} of ${metrics.elements}`;
      const first = invalid === true ? 'unusable' : (diagnosis[0] ?? '');
      return `| ${code(name)} | ${code(op)} | ${differ} | ${cell(first)} |`;
    }),
  ].join('\n');
}

function details({ case: name, file, reason, diagnosis }: CaseResult): string {
  const longest = Math.max(2, ...[...reason.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [
    `### ${name === '' ? cell(file) : `${code(name)} in ${code(file)}`}`,
    `${fence}\n${reason}\n${fence}`,
    ...(diagnosis.length === 0 ? [] : [diagnosis.map((line) => `- ${cell(line)}`).join('\n')]),
  ].join('\n\n');
}

/** Text in a line or a table cell: bars and angle brackets would be markup. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}
