import type { Diagnosis, Verdict } from './diagnosis.ts';
import { evidenceOf } from './evidence.ts';
import { explanationsOf } from './explanations.ts';
import { HYPOTHESES } from './hypotheses/index.ts';
import type { Hypothesis } from './hypothesis.ts';
import { checkObservation, type Observation } from './observation.ts';
import { operandSymptoms } from './operand-symptoms.ts';
import { callsFor, chooseSample, FULL, NARROW, PAIR, targetOf } from './samples.ts';
import {
  byEvidence,
  distinct,
  explains,
  explainsPartly,
  type Finding,
  mayExplain,
  pairs,
  type Sample,
  samePrediction,
  singles,
  tryCandidate,
} from './search.ts';
import { symptomsOf } from './symptoms.ts';

export interface DiagnoseProgress {
  readonly phase: 'mistakes' | 'pairs of mistakes';
  readonly done: number;
  /** Undefined while it is not known how many there are. */
  readonly total: number | undefined;
}

export interface DiagnoseOptions {
  /** Default: all that preshuffle knows for the op. */
  readonly hypotheses?: readonly Hypothesis[];
  /** Milliseconds after which nothing more is tried. Default 10,000. */
  readonly budgetMs?: number;
  /** Try two mistakes at once where no single one explains. Default true. */
  readonly pairs?: boolean;
  readonly onProgress?: (progress: DiagnoseProgress) => void;
}

/** A bf16 or f16 result differs in the last bit now and then; where more than this share does, the rounding is another one. */
const ROUNDING_SHARE = 0.9;

/**
 * Finds out which known mistake explains the outputs of a kernel.
 *
 * @example
 * ```ts
 * const { verdict, explanations } = await diagnose({ op, params, operands, actual: { y } });
 * console.log(verdict, explanations[0]?.mistakes.map(({ title, remedy }) => `${title}. ${remedy}`));
 * ```
 * @throws DiagnosisError where nothing can be concluded; OperandError, ParameterError, LayoutMismatchError from the op
 */
export async function diagnose(observation: Observation, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const search = diagnoseSteps(observation, options);
  let pause = performance.now();
  for (;;) {
    const step = search.next();
    if (step.done === true) return step.value;
    options.onProgress?.(step.value);
    if (performance.now() - pause < 40) continue;
    // Lets a page draw, and a process hear of Ctrl-C.
    await new Promise((resolve) => setTimeout(resolve));
    pause = performance.now();
  }
}

/** `diagnose` step by step, for callers that share a thread. */
export function* diagnoseSteps(
  observation: Observation,
  options: DiagnoseOptions = {},
): Generator<DiagnoseProgress, Diagnosis, void> {
  const started = performance.now();
  const deadline = started + (options.budgetMs ?? 10_000);
  const names = checkObservation(observation);
  const { target, about } = targetOf(observation, names);
  const sample = chooseSample(target, FULL, observation);
  const asGiven = evidenceOf(sample.marks, sample.marks);
  const hypotheses = (options.hypotheses ?? HYPOTHESES).filter(({ ops }) => ops.includes(target.call.op));
  const searched = {
    rows: sample.window.rows.length,
    columns: sample.window.columns.length,
    hypotheses: hypotheses.length,
    variants: 0,
    pairs: 0,
    complete: true,
  };
  const finish = (verdict: Verdict, findings: readonly Finding[]): Diagnosis => {
    const explanations = explanationsOf(target, [...findings].sort(byEvidence), observation);
    const tied = verdict === 'explained' && (explanations[0]?.sameAs.length ?? 0) > 0;
    return {
      op: observation.op,
      verdict: tied ? 'ambiguous' : verdict,
      about,
      asGiven,
      explanations,
      symptoms:
        verdict === 'correct' ? [] : [...symptomsOf(target, sample, observation), ...operandSymptoms(observation)],
      searched: { ...searched, ms: Math.round(performance.now() - started) },
    };
  };
  const inTime = (): boolean => {
    searched.complete = performance.now() <= deadline;
    return searched.complete;
  };
  const rounding = asGiven.wrong === 0;
  if (rounding && !oddlyRounded(sample)) return finish('correct', []);

  const narrow = narrower(sample, () => chooseSample(target, NARROW, observation));
  const ruledOut: Finding[] = [];
  const tried: Finding[] = [];
  for (const candidate of singles(callsFor(target.call, sample), hypotheses, about)) {
    if (!inTime()) break;
    searched.variants += 1;
    yield { phase: 'mistakes', done: searched.variants, total: undefined };
    const first = rounding ? undefined : tryCandidate(target, narrow, candidate);
    if (first !== undefined) ruledOut.push(first);
    if (first !== undefined && !mayExplain(first.evidence)) continue;
    const finding = narrow === sample && first !== undefined ? first : tryCandidate(target, sample, candidate);
    if (finding !== undefined) tried.push(finding);
  }
  if (rounding) {
    const named = tried.filter(({ evidence: { elements, equal } }) => equal >= 0.99 * elements);
    return finish(named.length > 0 ? 'rounding' : 'correct', named);
  }
  const fitting = tried.filter(({ evidence }) => explains(evidence));
  if (fitting.length > 0) return finish('explained', fitting);
  if (options.pairs !== false) {
    const single = narrower(narrow, () => chooseSample(target, PAIR, observation));
    const useful = ruledOut.filter(({ predicted }) => !samePrediction(predicted, narrow.asGiven));
    for (const candidate of pairs(distinct(useful))) {
      if (!inTime()) break;
      searched.pairs += 1;
      yield { phase: 'pairs of mistakes', done: searched.pairs, total: undefined };
      const first = tryCandidate(target, single, candidate);
      if (first === undefined || first.evidence.matched < 0.9 * first.evidence.elements) continue;
      const finding = tryCandidate(target, sample, candidate);
      if (finding !== undefined && explains(finding.evidence)) fitting.push(finding);
    }
  }
  if (fitting.length > 0) return finish('explained', fitting);
  const partly = tried.filter(({ evidence }) => explainsPartly(evidence));
  return finish(partly.length > 0 ? 'partly' : 'unexplained', partly);
}

/** A sample of fewer elements, or the same one where there are no fewer. */
function narrower(sample: Sample, choose: () => Sample): Sample {
  const chosen = choose();
  return chosen.marks.length < sample.marks.length ? chosen : sample;
}

/** Whether more results differ in their last bit than an honest order of additions explains. */
function oddlyRounded({ marks, actual }: Sample): boolean {
  const narrow = actual.parts.filter(({ tensor: { type } }) => type === 'bf16' || type === 'f16');
  if (narrow.length === 0) return false;
  let [equal, count] = [0, 0];
  for (const { start, end } of narrow) {
    for (let index = start; index < end; index += 1) if (marks[index] === 2) equal += 1;
    count += end - start;
  }
  return equal < ROUNDING_SHARE * count;
}
