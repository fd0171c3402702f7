import { escapeMarkup } from './escape.ts';
import type { BackendReport, CaseResult } from './report.ts';

/** A `testsuite` of JUnit XML. */
export interface JUnitSuite {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly cases: readonly JUnitCase[];
}

/** A `testcase`; it passed where it has no outcome. */
export interface JUnitCase {
  readonly classname: string;
  readonly name: string;
  readonly ms: number;
  readonly outcome?: {
    readonly kind: 'failure' | 'error' | 'skipped';
    /** One line. */
    readonly message: string;
    readonly text: string;
  };
}

/**
 * JUnit XML as CI services read it: one `testsuite` a backend and file, one `testcase` a case. An unusable case is an `error`, a wrong
 * result a `failure`, with its diagnosis.
 */
export function renderJUnit(reports: readonly BackendReport[]): string {
  return junitXml(
    reports.flatMap(({ backend, results }) => {
      const files = [...new Set(results.map(({ file }) => file))];
      return files.map((file) => ({
        name: `${backend.id} ${file}`,
        properties: { device: backend.device },
        cases: results.filter((result) => result.file === file).map(caseOf),
      }));
    }),
  );
}

function caseOf(result: CaseResult): JUnitCase {
  const { op, metrics, status, invalid, reason, diagnosis } = result;
  const base = { classname: op === '' ? 'file' : op, name: result.case, ms: metrics?.ms ?? 0 };
  if (status === 'pass') return base;
  const [message = ''] = reason.split('\n');
  if (status === 'skip') return { ...base, outcome: { kind: 'skipped', message, text: '' } };
  const text = [reason, ...diagnosis].join('\n');
  return { ...base, outcome: { kind: invalid === true ? 'error' : 'failure', message, text } };
}

/** The document of some suites. */
export function junitXml(suites: readonly JUnitSuite[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="preshuffle">\n${suites.map(renderSuite).join('')}</testsuites>\n`;
}

function renderSuite({ name, properties, cases }: JUnitSuite): string {
  const count = (kind: string): number => cases.filter(({ outcome }) => outcome?.kind === kind).length;
  const attributes = {
    name,
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(cases.reduce((sum, { ms }) => sum + ms, 0)),
  };
  const facts = Object.entries(properties)
    .map(([key, value]) => `<property name="${escapeMarkup(key)}" value="${escapeMarkup(value)}"/>`)
    .join('');
  const head = facts === '' ? '' : `    <properties>${facts}</properties>\n`;
  return `  <testsuite${render(attributes)}>\n${head}${cases.map(renderCase).join('')}  </testsuite>\n`;
}

function renderCase({ classname, name, ms, outcome }: JUnitCase): string {
  const open = `    <testcase${render({ classname, name, time: seconds(ms) })}`;
  if (outcome === undefined) return `${open}/>\n`;
  const { kind, message, text } = outcome;
  const element = `<${kind} message="${escapeMarkup(message)}"`;
  return kind === 'skipped'
    ? `${open}>${element}/></testcase>\n`
    : `${open}>${element}>${escapeMarkup(text)}</${kind}></testcase>\n`;
}

function render(attributes: Readonly<Record<string, string | number>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escapeMarkup(String(value))}"`)
    .join('');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
