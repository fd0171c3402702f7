import type { BackendRun, ReportCase, Status } from './golden-report.ts';

/** Which cases of a backend are listed, and in which order. */
export interface CaseFilter {
  readonly status: Status | 'all';
  /** Empty for every op. */
  readonly op: string;
  /** Words that the case, its file or its reason must hold, in any order. */
  readonly text: string;
  /** List only cases that another backend judged otherwise. */
  readonly differsFrom: string | undefined;
  readonly sort: SortKey;
}

export const SORT_KEYS = ['status', 'case', 'boundUsed', 'maxUlp', 'ms'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export const ALL_CASES: CaseFilter = { status: 'all', op: '', text: '', differsFrom: undefined, sort: 'status' };

/** A case beside the same case of another backend. */
export interface CaseRow {
  readonly result: ReportCase;
  /** Undefined when no other backend is chosen, or when it did not run the case. */
  readonly other: ReportCase | undefined;
}

/** The rows of a table: filtered, then sorted; what needs a look comes first, numbers from the largest. */
export function caseRows(run: BackendRun, filter: CaseFilter, other?: BackendRun): readonly CaseRow[] {
  const words = filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const others = new Map(other?.results.map((result) => [identity(result), result]));
  return run.results
    .filter(
      ({ status, op }) =>
        (filter.status === 'all' || status === filter.status) && (filter.op === '' || op === filter.op),
    )
    .filter((result) => {
      const text = `${result.case} ${result.file} ${result.op} ${result.reason}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .map((result) => ({ result, other: others.get(identity(result)) }))
    .filter(({ result, other: found }) => other === undefined || differs(result, found))
    .sort((a, b) => order(a.result, b.result, filter.sort));
}

/** Whether two backends judge a case differently: another status, or another number of mismatches in some tensor. */
export function differs(a: ReportCase, b: ReportCase | undefined): boolean {
  if (b === undefined || a.status !== b.status) return true;
  const mismatches = ({ metrics }: ReportCase): string =>
    (metrics?.tensors ?? []).map((entry) => entry.mismatches).join();
  return mismatches(a) !== mismatches(b);
}

/** One line about the same case elsewhere: `pass`, `fail, 12 of 640 differ`, `not run`. */
export function verdictText(result: ReportCase | undefined): string {
  if (result === undefined) return 'not run';
  if (result.status !== 'fail' || result.metrics === null) return result.invalid ? 'unusable' : result.status;
  return `fail, ${result.metrics.mismatches} of ${result.metrics.elements} differ`;
}

/** Unusable cases are failures of another kind. */
export function statusText({ status, invalid }: Pick<ReportCase, 'status' | 'invalid'>): string {
  return invalid ? 'unusable' : status;
}

/** What a case is called in permalinks and messages. Cases of the same name in two files are told apart by the file. */
export function identity({ file, case: name }: Pick<ReportCase, 'file' | 'case'>): string {
  return `${file}#${name}`;
}

/** The case that a permalink's topic names, of the listed ones; else the first that failed. */
export function selectedRow(rows: readonly CaseRow[], topic: string | undefined): CaseRow | undefined {
  return (
    rows.find(({ result }) => identity(result) === topic) ??
    rows.find(({ result }) => result.case === topic) ??
    rows.find(({ result }) => result.status === 'fail')
  );
}

/** The failing case before (-1) or after (1) the selected one; undefined at either end. */
export function nextFailing(
  rows: readonly CaseRow[],
  selected: CaseRow | undefined,
  step: 1 | -1,
): CaseRow | undefined {
  const from = selected === undefined ? (step === 1 ? -1 : rows.length) : rows.indexOf(selected);
  for (let at = from + step; at >= 0 && at < rows.length; at += step) {
    if (rows[at]?.result.status === 'fail') return rows[at];
  }
  return undefined;
}

const RANK: Readonly<Record<Status, number>> = { fail: 0, skip: 1, pass: 2 };

function order(a: ReportCase, b: ReportCase, sort: SortKey): number {
  switch (sort) {
    case 'status':
      return RANK[a.status] - RANK[b.status];
    case 'case':
      return a.case < b.case ? -1 : a.case > b.case ? 1 : 0;
    default:
      return number(b, sort) - number(a, sort);
  }
}

/** Cases without the number come last. */
function number({ metrics }: ReportCase, key: 'boundUsed' | 'maxUlp' | 'ms'): number {
  return metrics?.[key] ?? -1;
}
