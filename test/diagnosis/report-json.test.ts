import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DiagnosisReport } from '../../src/diagnosis/report.ts';
import { diagnosisJson } from '../../src/diagnosis/report-json.ts';
import { schemaErrors } from '../helpers/json-schema.ts';
import { correct, explained, pair, reportOf, unexplained } from './report-support.ts';

const schema = JSON.parse(readFileSync('docs/diagnosis.schema.json', 'utf8'));
const written = (report: DiagnosisReport) => JSON.parse(JSON.stringify(diagnosisJson(report)));

it.each([
  ['explained', explained],
  ['a pair', pair],
  ['unexplained', unexplained],
  ['correct', correct],
])('%s: is as the schema says', (_, diagnosis) =>
  expect(schemaErrors(schema, written(reportOf(diagnosis)))).toEqual([]),
);

it('has null where there is no incident', () =>
  expect(
    written(reportOf(pair)).explanations[0].mistakes.map(({ incident, permalink }: Record<string, unknown>) => [
      incident,
      permalink,
    ]),
  ).toEqual([
    ['weight-shuffled-twice', '#v=1&screen=incidents&topic=weight-shuffled-twice'],
    [null, null],
  ]));

describe('the check of the schema itself', () => {
  const json = written(reportOf(explained));
  it.each([
    [{ ...json, version: 2 }, '$.version is 2, expected 1'],
    [
      { ...json, verdict: 'maybe' },
      '$.verdict is maybe, expected one of correct,rounding,explained,ambiguous,partly,unexplained',
    ],
    [{ ...json, more: 1 }, '$.more is not listed'],
    [{ ...json, asGiven: { ...json.asGiven, wrong: -1 } }, '$.asGiven.wrong is below 0'],
    [{ ...json, symptoms: [1] }, '$.symptoms[0] is no string'],
    [{ ...json, explanations: [{ ...json.explanations[0], mistakes: [] }] }, '$.explanations[0].mistakes is too short'],
  ])('%#', (value, error) => expect(schemaErrors(schema, value)).toEqual([error]));

  it('misses what is required', () => {
    const { searched: _, ...rest } = json;
    expect(schemaErrors(schema, rest)).toEqual(['$.searched is missing']);
  });
});
