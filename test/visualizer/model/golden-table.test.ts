import { expect, it } from 'vitest';
import type { BackendRun, ReportCase, Status } from '../../../src/visualizer/model/golden-report.ts';
import {
  ALL_CASES,
  type CaseFilter,
  caseRows,
  nextFailing,
  selectedRow,
  verdictText,
} from '../../../src/visualizer/model/golden-table.ts';

function made(name: string, status: Status, mismatches = 0, fields: Partial<ReportCase> = {}): ReportCase {
  const metrics = {
    elements: 8,
    mismatches,
    equal: 1,
    maxAbs: 0,
    maxRel: 0,
    maxUlp: mismatches,
    cosine: 1,
    boundUsed: null,
  };
  return {
    case: name,
    file: 'a.safetensors',
    op: name.startsWith('g') ? 'gemm' : 'permute',
    status,
    invalid: false,
    reason: status === 'pass' ? '' : `${name} reason`,
    metrics:
      status === 'skip'
        ? null
        : { ...metrics, ms: name.length, tensors: [{ ...metrics, label: 'y', op: 'o', tensor: 'y', map: undefined }] },
    diagnosis: [],
    ...fields,
  };
}

function run(id: string, ...results: readonly ReportCase[]): BackendRun {
  const count = (status: Status) => results.filter((result) => result.status === status).length;
  const counts = { pass: count('pass'), fail: count('fail'), skip: count('skip') };
  return { id, device: id, error: undefined, counts, invalid: 0, results };
}

const cpu = run('cpu', made('good', 'pass'), made('left', 'skip'), made('bad', 'fail', 3), made('gemm2', 'fail', 5));
const names = (filter: Partial<CaseFilter>, other?: BackendRun) =>
  caseRows(cpu, { ...ALL_CASES, ...filter }, other).map(({ result }) => result.case);

it('lists what needs a look first, and filters by status, op and words', () => {
  expect(names({})).toEqual(['bad', 'gemm2', 'left', 'good']);
  expect(names({ status: 'fail' })).toEqual(['bad', 'gemm2']);
  expect(names({ op: 'gemm' })).toEqual(['gemm2', 'good']);
  expect(names({ text: 'REASON  le' })).toEqual(['left']);
  expect(names({ text: 'safetensors good' })).toEqual(['good']);
});

it('sorts by name and by numbers, the largest first', () => {
  expect(names({ sort: 'case' })).toEqual(['bad', 'gemm2', 'good', 'left']);
  expect(names({ sort: 'maxUlp' })).toEqual(['gemm2', 'bad', 'good', 'left']);
  expect(names({ sort: 'ms' })).toEqual(['gemm2', 'good', 'bad', 'left']);
});

it('lists what another backend judged otherwise', () => {
  const gpu = run('gpu', made('good', 'pass'), made('left', 'pass'), made('bad', 'fail', 3), made('gemm2', 'fail', 4));
  expect(names({ differsFrom: 'gpu' }, gpu)).toEqual(['gemm2', 'left']);
  const rows = caseRows(cpu, ALL_CASES, gpu);
  expect(rows.map(({ other }) => verdictText(other))).toEqual(['fail, 4 of 8 differ', 'pass']);
  expect(names({}, run('hip'))).toEqual(['bad', 'gemm2', 'left', 'good']);
  expect(verdictText(undefined)).toBe('not run');
  expect(verdictText(made('x', 'fail', 0, { invalid: true, metrics: null }))).toBe('unusable');
});

it('selects the case of the permalink, else the first failure, and walks through failures', () => {
  const rows = caseRows(cpu, ALL_CASES);
  expect(selectedRow(rows, 'good')?.result.case).toBe('good');
  expect(selectedRow(rows, 'a.safetensors#left')?.result.case).toBe('left');
  expect(selectedRow(rows, undefined)?.result.case).toBe('bad');
  expect(selectedRow(caseRows(run('x', made('good', 'pass')), ALL_CASES), 'bad')).toBeUndefined();
  expect(nextFailing(rows, rows[0], 1)?.result.case).toBe('gemm2');
  expect(nextFailing(rows, rows[1], 1)).toBeUndefined();
  expect(nextFailing(rows, rows[3], -1)?.result.case).toBe('gemm2');
  expect(nextFailing(rows, undefined, 1)?.result.case).toBe('bad');
});
