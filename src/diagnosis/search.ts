import { PreshuffleError } from '../errors.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { type Candidate, candidatesOf, changedParts, combine } from './candidate.ts';
import { agreement, type Evidence, evidenceOf, type Observed, observe } from './evidence.ts';
import type { Hypothesis, MistakenCall, OutputWindow } from './hypothesis.ts';
import { cutOutputs, predict } from './predict.ts';

/** Outputs that a search has to explain, seen through a window. */
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
  const predicted = predictOrNothing(candidate.call, sample.window, names);
  if (predicted === undefined) return undefined;
  const evidence = evidenceOf(agreement(call, predicted, sample.actual), sample.marks);
  return { candidate, evidence, predicted };
}

function predictOrNothing(call: MistakenCall, window: OutputWindow, names: readonly string[]): Observed | undefined {
  try {
    return observe(predict(call, window), names);
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

/** All that a kernel's rounding leaves room for: nearly every element, and nearly every one that was wrong. */
export function explains({ elements, matched, wrong, mended }: Evidence): boolean {
  return matched >= 0.99 * elements && mended >= 0.95 * wrong && wrong > 0;
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

/** Every way of every hypothesis that applies, one after another. */
export function* singles(target: Target, hypotheses: readonly Hypothesis[]): Generator<Candidate, void, void> {
  for (const hypothesis of hypotheses) yield* candidatesOf(hypothesis, target.call);
}

/** Pairs of candidates that meet in no part of the call, the promising ones first. */
export function* pairs(call: KernelCall, found: readonly Finding[]): Generator<Candidate, void, void> {
  // One variant of a hypothesis may hide another, so that only what is equal to the bit is left out.
  const ranked = [...found].sort((a, b) => b.evidence.matched - a.evidence.matched);
  const parts = new Map(ranked.map(({ candidate }) => [candidate, new Set(changedParts(call, candidate))]));
  for (let sum = 1; sum < 2 * ranked.length - 2; sum += 1) {
    for (let first = Math.max(0, sum - ranked.length + 1); first < sum - first; first += 1) {
      const [a, b] = [ranked[first]?.candidate, ranked[sum - first]?.candidate];
      if (a === undefined || b === undefined) continue;
      if ([...(parts.get(a) ?? [])].some((part) => parts.get(b)?.has(part))) continue;
      const both = combine(call, a, b);
      if (both !== undefined) yield both;
    }
  }
}
