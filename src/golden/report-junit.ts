import { escapeMarkup } from './escape.ts';
import type { BackendReport, CaseResult } from './report.ts';

/**
 * JUnit XML as CI services read it: one `testsuite` a backend and file, one `testcase` a case. An unusable case is an `error`, a wrong
 * result a `failure`.
 */
export function renderJUnit(reports: readonly BackendReport[]): string {
  const suites = reports.flatMap((report) => {
    const files = [...new Set(report.results.map(({ file }) => file))];
    return files.map((file) =>
      renderSuite(
        report,
        file,
        report.results.filter((result) => result.file === file),
      ),
    );
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="preshuffle">\n${suites.join('')}</testsuites>\n`;
}

function renderSuite(report: BackendReport, file: string, results: readonly CaseResult[]): string {
  const count = (matches: (result: CaseResult) => boolean): number => results.filter(matches).length;
  const attributes = {
    name: `${report.backend.id} ${file}`,
    tests: results.length,
    failures: count(({ status, invalid }) => status === 'fail' && invalid !== true),
    errors: count(({ invalid }) => invalid === true),
    skipped: count(({ status }) => status === 'skip'),
    time: seconds(results.reduce((sum, { metrics }) => sum + (metrics?.ms ?? 0), 0)),
  };
  const device = `    <properties><property name="device" value="${escapeMarkup(report.backend.device)}"/></properties>\n`;
  return `  <testsuite${render(attributes)}>\n${device}${results.map(renderCase).join('')}  </testsuite>\n`;
}

function renderCase(result: CaseResult): string {
  const attributes = {
    classname: result.op === '' ? 'file' : result.op,
    name: result.case,
    time: seconds(result.metrics?.ms ?? 0),
  };
  const [first = ''] = result.reason.split('\n');
  const open = `    <testcase${render(attributes)}`;
  if (result.status === 'pass') return `${open}/>\n`;
  if (result.status === 'skip') return `${open}><skipped message="${escapeMarkup(first)}"/></testcase>\n`;
  const element = result.invalid === true ? 'error' : 'failure';
  return `${open}><${element} message="${escapeMarkup(first)}">${escapeMarkup(result.reason)}</${element}></testcase>\n`;
}

function render(attributes: Readonly<Record<string, string | number>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escapeMarkup(String(value))}"`)
    .join('');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
