/**
 * Which known mistake explains the wrong output of a kernel, where it comes from and how to mend it.
 *
 * @example
 * ```ts
 * import { diagnose, diagnosisLines } from 'preshuffle/diagnosis';
 * const diagnosis = await diagnose({ op: 'gemm_a8w8_blockscale_bpreshuffle', params, operands, actual: { y } });
 * console.log(diagnosisLines(diagnosis).join('\n')); // DIAGNOSIS [weight-plain-read-shuffled] (100 % of 4,096 …
 * ```
 */
export type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
export { type DiagnoseOptions, type DiagnoseProgress, diagnose, diagnoseSteps } from './diagnose.ts';
export type { Diagnosis, Explanation, NamedMistake, Verdict } from './diagnosis.ts';
export { DiagnosisError } from './errors.ts';
export type { Evidence } from './evidence.ts';
export { HYPOTHESES } from './hypotheses/index.ts';
export {
  type Hypothesis,
  type HypothesisFamily,
  type MistakenCall,
  type OutputWindow,
  singleVariant,
  type Variant,
} from './hypothesis.ts';
export type { Observation } from './observation.ts';
export type { DiagnosisReport, DiagnosisSubject } from './report.ts';
export { renderDiagnosisHtml } from './report-html.ts';
export { diagnosisJson } from './report-json.ts';
export { renderDiagnosisJUnit } from './report-junit.ts';
export { renderDiagnosisMarkdown } from './report-markdown.ts';
export { diagnosisLines } from './report-text.ts';
export { type WrongMap, wrongMaps } from './wrong-map.ts';
