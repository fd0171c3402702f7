import { type JUnitCase, junitXml } from '../golden/report-junit.ts';
import type { DiagnosisReport } from './report.ts';
import { diagnosisLines } from './report-text.ts';
import { isRight } from './report-words.ts';

/** JUnit XML with one `testcase` a diagnosis; an output that is wrong is a `failure`, explained or not. */
export function renderDiagnosisJUnit(reports: readonly DiagnosisReport[]): string {
  const files = [...new Set(reports.map(({ subject }) => subject.file))];
  return junitXml(
    files.map((file) => {
      const own = reports.filter(({ subject }) => subject.file === file);
      return { name: `diagnose ${file}`, properties: {}, cases: own.map(caseOf) };
    }),
  );
}

function caseOf({ subject, diagnosis }: DiagnosisReport): JUnitCase {
  const lines = diagnosisLines(diagnosis);
  const base = { classname: diagnosis.op, name: subject.case, ms: diagnosis.searched.ms };
  if (isRight(diagnosis)) return base;
  return { ...base, outcome: { kind: 'failure', message: lines[0] ?? '', text: lines.join('\n') } };
}
