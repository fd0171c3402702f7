import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { type Candidate, candidatesOf, changedParts, combine, unlessRejected } from './candidate.ts';
import type { Diagnosis } from './diagnosis.ts';
import { agreement, type Evidence, evidenceOf, type Observed, observe } from './evidence.ts';
import type { Hypothesis, OutputWindow } from './hypothesis.ts';
import { originsOf } from './origins.ts';
import { cutOutputs, predict } from './predict.ts';

/** Outputs that a search has to explain. */
export interface Target {
  readonly call: KernelCall;
  /** Whole outputs. */
  readonly outputs: NamedTensors;
  readonly names: readonly string[];
}

/** A target in a window, and what the call as given predicts there. */
export interface Sample {
  readonly window: OutputWindow;
  readonly actual: Observed;
  readonly asGiven: Observed;
  readonly marks: Uint8Array;
}

/** A candidate that was tried. */
export interface Finding {
  readonly candidate: Candidate;
  readonly evidence: Evidence;
  readonly predicted: Observed;
}

export function sampleOf({ call, outputs, names }: Target, window: OutputWindow): Sample {
  const actual = observe(cutOutputs(outputs, window), names);
  const asGiven = observe(predict(call, window), names);
  return { window, actual, asGiven, marks: agreement(call, asGiven, actual) };
}

/**
 * Predicts the sample under a candidate.
 * @returns undefined where the mistaken call cannot be computed
 */
export function tryCandidate({ call, names }: Target, sample: Sample, candidate: Candidate): Finding | undefined {
  const predicted = unlessRejected(() => observe(predict(candidate.call, sample.window), names));
  if (predicted === undefined) return undefined;
  const evidence = evidenceOf(agreement(call, predicted, sample.actual), sample.marks);
  return { candidate, evidence, predicted };
}

/** All that a kernel's rounding leaves room for: nearly every element, and nearly every one that was wrong. */
export function explains({ elements, matched, wrong, mended }: Evidence): boolean {
  return matched >= 0.99 * elements && mended >= 0.95 * wrong && wrong > 0;
}

/** Whether a first look leaves it possible that a candidate explains at least a part. */
export function mayExplain({ wrong, mended }: Evidence): boolean {
  return wrong === 0 || mended >= 0.25 * wrong;
}

/** At least half of what is wrong, and next to nothing that was right. */
export function explainsPartly({ elements, wrong, mended, broken }: Evidence): boolean {
  return mended >= 0.5 * wrong && mended > broken && broken <= 0.02 * (elements - wrong) && wrong > 0;
}

/** Better evidence first; of two that are alike, the one that needs fewer mistakes. */
export function byEvidence(a: Finding, b: Finding): number {
  const share = ({ evidence }: Finding): number =>
    Math.round((1000 * evidence.matched) / Math.max(1, evidence.elements));
  return (
    share(b) - share(a) ||
    a.candidate.mistakes.length - b.candidate.mistakes.length ||
    b.evidence.equal - a.evidence.equal ||
    b.evidence.matched - a.evidence.matched
  );
}

/** Whether two predictions are the same numbers, to the bit. */
export function samePrediction(a: Observed, b: Observed): boolean {
  return a.codes.length === b.codes.length && a.codes.every((code, index) => Object.is(code, b.codes[index]));
}

/**
 * Every way of every hypothesis that applies, one after another.
 * @param about whether the call is right and became wrong, or is what a mistake has made of the right one
 */
export function* singles(
  callFor: (hypothesis: Hypothesis) => KernelCall,
  hypotheses: readonly Hypothesis[],
  about: Diagnosis['about'],
): Generator<Candidate, void, void> {
  const ways = about === 'kernel' ? candidatesOf : originsOf;
  for (const hypothesis of hypotheses) yield* ways(hypothesis, callFor(hypothesis));
}

/** Of predictions that are the same, the first: a pair with either gives the same again. */
export function distinct(findings: readonly Finding[]): readonly Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings) {
    if (!kept.some(({ predicted }) => samePrediction(predicted, finding.predicted))) kept.push(finding);
  }
  return kept;
}

/** Pairs of candidates that meet in no part of the call, the promising ones first. */
export function* pairs(found: readonly Finding[]): Generator<Candidate, void, void> {
  // What predicts more by itself comes first, then what is known to happen, then the likelier ways of it.
  const promise = ({ evidence, candidate: { mistakes } }: Finding): number =>
    evidence.matched / Math.max(1, evidence.elements) + (mistakes[0]?.hypothesis.evidence === 'reported' ? 0.1 : 0);
  const ranked = [...found].sort((a, b) => promise(b) - promise(a));
  const parts = new Map(ranked.map(({ candidate }) => [candidate, new Set(changedParts(candidate))]));
  for (let sum = 1; sum < 2 * ranked.length - 2; sum += 1) {
    for (let first = Math.max(0, sum - ranked.length + 1); first < sum - first; first += 1) {
      const [a, b] = [ranked[first]?.candidate, ranked[sum - first]?.candidate];
      if (a === undefined || b === undefined) continue;
      if ([...(parts.get(a) ?? [])].some((part) => parts.get(b)?.has(part))) continue;
      const both = combine(a, b);
      if (both !== undefined) yield both;
    }
  }
}
