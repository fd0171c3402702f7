import type { Explanation, NamedMistake } from './diagnosis.ts';
import type { DiagnosisReport } from './report.ts';
import { diagnosisLines } from './report-text.ts';

/** Raised when a key changes its meaning or goes; new keys leave it. */
const VERSION = 1;

/** A report as plain data, by `docs/diagnosis.schema.json`. */
export function diagnosisJson({ subject, diagnosis, maps }: DiagnosisReport): unknown {
  const { op, verdict, about, asGiven, explanations, symptoms, searched } = diagnosis;
  return {
    version: VERSION,
    subject: { file: subject.file, case: subject.case, op, actual: subject.actual, expected: subject.expected },
    verdict,
    about,
    text: diagnosisLines(diagnosis),
    asGiven,
    explanations: explanations.map(explanationJson),
    symptoms,
    searched,
    wrong: maps.map(({ output, tensor, elements, wrong, map }) => ({ output, tensor, elements, wrong, map })),
  };
}

function explanationJson({ mistakes, match, evidence, sameAs, tellApart }: Explanation): unknown {
  return {
    mistakes: mistakes.map(mistakeJson),
    match,
    evidence,
    sameAs: sameAs.map((same) => same.map(mistakeJson)),
    tellApart,
  };
}

function mistakeJson(mistake: NamedMistake): unknown {
  const { id, title, detail, family, symptom, origin, evidence, remedy, hiddenBy, incident, permalink } = mistake;
  return {
    id,
    title,
    detail,
    family,
    symptom,
    origin,
    evidence,
    remedy,
    hiddenBy,
    incident: incident ?? null,
    permalink: permalink ?? null,
  };
}
