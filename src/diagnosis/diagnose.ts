import type { Candidate } from './candidate.ts';
import { cropsColumns, cropsRows, wholeWindow, withoutIdleExperts } from './crop.ts';
import type { Diagnosis, Explanation, NamedMistake, Verdict } from './diagnosis.ts';
import { agreement, evidenceOf, observe } from './evidence.ts';
import { HYPOTHESES } from './hypotheses/index.ts';
import type { Hypothesis } from './hypothesis.ts';
import { checkObservation, type Observation } from './observation.ts';
import {
  byEvidence,
  explains,
  explainsPartly,
  type Finding,
  pairs,
  type Sample,
  samePrediction,
  sampleOf,
  singles,
  type Target,
  tryCandidate,
} from './search.ts';
import { symptomsOf } from './symptoms.ts';
import { tellApart } from './tell-apart.ts';
import { chooseWindow, type WindowLimits, wrongPlaces } from './window.ts';

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

/** Rows and columns in which mistakes are tried; fewer for pairs, of which there are many. */
const SINGLE: WindowLimits = { rows: 8, columns: 512 };
const PAIR: WindowLimits = { rows: 2, columns: 256 };
/** Rows in which explanations that agree are looked at again. */
const AGAIN: WindowLimits = { rows: 32, columns: 1024 };

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
  const sample = chooseSample(target, SINGLE, observation);
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
  const finish = (verdict: Verdict, explanations: readonly Explanation[]): Diagnosis => ({
    op: observation.op,
    verdict,
    about,
    asGiven,
    explanations,
    symptoms: verdict === 'correct' ? [] : symptomsOf(target, sample),
    searched: { ...searched, ms: Math.round(performance.now() - started) },
  });
  const rounding = asGiven.wrong === 0;
  if (rounding && !oddlyRounded(sample)) return finish('correct', []);

  const tried: Finding[] = [];
  for (const candidate of singles(target, hypotheses)) {
    if (performance.now() > deadline) {
      searched.complete = false;
      break;
    }
    const finding = tryCandidate(target, sample, candidate);
    if (finding !== undefined) tried.push(finding);
    searched.variants += 1;
    yield { phase: 'mistakes', done: searched.variants, total: undefined };
  }
  if (rounding) {
    const named = tried.filter(({ evidence: { elements, equal } }) => equal >= 0.99 * elements).sort(byEvidence);
    return finish(named.length > 0 ? 'rounding' : 'correct', explanationsOf(target, named, observation));
  }
  let fitting = tried.filter(({ evidence }) => explains(evidence));
  if (fitting.length === 0 && options.pairs !== false) {
    const narrow = chooseSample(target, PAIR, observation);
    const useful = tried.filter(({ predicted }) => !samePrediction(predicted, sample.asGiven));
    for (const candidate of pairs(target.call, distinct(useful))) {
      if (performance.now() > deadline) {
        searched.complete = false;
        break;
      }
      searched.pairs += 1;
      yield { phase: 'pairs of mistakes', done: searched.pairs, total: undefined };
      const first = tryCandidate(target, narrow, candidate);
      if (first === undefined || first.evidence.matched < 0.9 * first.evidence.elements) continue;
      const finding = tryCandidate(target, sample, candidate);
      if (finding !== undefined && explains(finding.evidence)) fitting.push(finding);
    }
  }
  if (fitting.length === 0) {
    const partly = tried.filter(({ evidence }) => explainsPartly(evidence)).sort(byEvidence);
    if (partly.length === 0) return finish('unexplained', []);
    return finish('partly', explanationsOf(target, partly, observation));
  }
  fitting = fitting.sort(byEvidence);
  const explanations = explanationsOf(target, fitting, observation);
  return finish((explanations[0]?.sameAs.length ?? 0) > 0 ? 'ambiguous' : 'explained', explanations);
}

/** Of predictions that are the same, the first: a pair with either gives the same again. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings) {
    if (!kept.some(({ predicted }) => samePrediction(predicted, finding.predicted))) kept.push(finding);
  }
  return kept;
}

/**
 * What has to be explained: the outputs, or, where they are just what the operands give, the outputs that were expected. Then the operands
 * themselves are mistaken, and the search asks which mistake turns them into what was expected.
 */
function targetOf(
  observation: Observation,
  names: readonly string[],
): { readonly target: Target; readonly about: Diagnosis['about'] } {
  const { op, params, operands, actual, expected = {} } = observation;
  const given = { op, params, operands };
  const target = { call: withoutIdleExperts(given), outputs: actual, names };
  const known = names.filter((name) => expected[name] !== undefined);
  if (known.length === 0) return { target, about: 'kernel' };
  const sample = sampleOf(target, chooseWindow(wholeWindow(actual), limitsFor(target, SINGLE)));
  if (sample.marks.includes(0)) return { target, about: 'kernel' };
  const wanted = { call: target.call, outputs: expected, names: known };
  const asExpected = sampleOf(wanted, sample.window);
  return asExpected.marks.includes(0) ? { target: wanted, about: 'operands' } : { target, about: 'kernel' };
}

function chooseSample(target: Target, limits: WindowLimits, { expected = {} }: Observation): Sample {
  const whole = wholeWindow(target.outputs);
  const fitting = limitsFor(target, limits);
  const broad = limitsFor(target, { rows: 4 * limits.rows, columns: 2 * limits.columns });
  const known = target.names.every((name) => expected[name] !== undefined) && target.outputs !== expected;
  if (known) {
    const actual = observe(target.outputs, target.names);
    const marks = agreement(target.call, observe(expected, target.names), actual);
    const { rows, blocks } = wrongPlaces(marks, actual);
    return sampleOf(target, chooseWindow(whole, fitting, rows, blocks));
  }
  // Without an expected output: a broad look first, to find rows that are wrong.
  const first = sampleOf(target, chooseWindow(whole, broad));
  if (first.window.rows.length === fitting.rows && first.window.columns.length === fitting.columns) return first;
  const { rows, blocks } = wrongPlaces(first.marks, first.actual);
  const { window } = first;
  const perRow: number[] = [];
  rows.forEach((count, at) => {
    perRow[window.rows[at] as number] = count;
  });
  const perBlock: number[] = [];
  const chosenBlocks = [...new Set(window.columns.map((column) => Math.floor(column / 128)))];
  blocks.forEach((count, at) => {
    perBlock[chosenBlocks[at] as number] = count;
  });
  return sampleOf(target, chooseWindow(whole, fitting, perRow, perBlock));
}

/** Ops that are not cut down are computed whole. */
function limitsFor({ call }: Target, limits: WindowLimits): WindowLimits {
  return {
    rows: cropsRows(call.op) ? limits.rows : Number.POSITIVE_INFINITY,
    columns: cropsColumns(call.op) ? limits.columns : Number.POSITIVE_INFINITY,
  };
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

/** Groups findings that predict the same; where the best ones do, looks at more rows before it says so. */
function explanationsOf(
  target: Target,
  findings: readonly Finding[],
  observation: Observation,
): readonly Explanation[] {
  const groups: Finding[][] = [];
  for (const finding of findings) {
    const group = groups.find(([first]) => first !== undefined && samePrediction(first.predicted, finding.predicted));
    if (group === undefined) groups.push([finding]);
    else group.push(finding);
  }
  const [best] = groups;
  if (best !== undefined && best.length > 1) groups.splice(0, 1, ...lookedAtAgain(target, best, observation));
  return groups.map((group, rank) => {
    const [first, ...others] = group as [Finding, ...Finding[]];
    const { evidence } = first;
    // Two ways of one hypothesis that do the same are one explanation.
    const rivals = others.filter(({ candidate }) => idsOf(candidate) !== idsOf(first.candidate));
    return {
      mistakes: named(first.candidate),
      evidence,
      match: evidence.matched / Math.max(1, evidence.elements),
      sameAs: rivals.map(({ candidate }) => named(candidate)),
      tellApart:
        rank === 0 && rivals[0] !== undefined ? tellApart(target.call, first.candidate, rivals[0].candidate) : '',
    };
  });
}

function lookedAtAgain(target: Target, findings: readonly Finding[], observation: Observation): Finding[][] {
  const sample = chooseSample(target, AGAIN, observation);
  const again = findings.flatMap((finding) => {
    const second = tryCandidate(target, sample, finding.candidate);
    return second === undefined ? [] : [second];
  });
  const groups: Finding[][] = [];
  for (const finding of again.sort(byEvidence)) {
    const group = groups.find(([first]) => first !== undefined && samePrediction(first.predicted, finding.predicted));
    if (group === undefined) groups.push([finding]);
    else group.push(finding);
  }
  return groups;
}

function idsOf({ mistakes }: Candidate): string {
  return mistakes.map(({ hypothesis }) => hypothesis.id).join('+');
}

function named({ mistakes }: Candidate): readonly NamedMistake[] {
  return mistakes.map(({ hypothesis, detail }) => {
    const { id, title, family, symptom, origin, evidence, remedy, hiddenBy, incident } = hypothesis;
    return { id, title, detail, family, symptom, origin, evidence, remedy, hiddenBy, incident };
  });
}
