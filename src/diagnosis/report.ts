import type { Diagnosis } from './diagnosis.ts';
import type { WrongMap } from './wrong-map.ts';

/** Whose output was diagnosed, in words that a person gave or can give again. */
export interface DiagnosisSubject {
  /** File with the operands. */
  readonly file: string;
  readonly case: string;
  /** Where the outputs came from. */
  readonly actual: string;
  /** What they were held against: a file, a tensor of the case, or `reference`. */
  readonly expected: string;
}

/** A diagnosis with what a report needs beside it. */
export interface DiagnosisReport {
  readonly subject: DiagnosisSubject;
  readonly diagnosis: Diagnosis;
  /** Where outputs are wrong; empty where they are not, or where it was not looked at. */
  readonly maps: readonly WrongMap[];
}
