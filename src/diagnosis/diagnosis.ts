import type { OpName } from '../ops/registry.ts';
import type { Evidence } from './evidence.ts';
import type { HypothesisFamily } from './hypothesis.ts';

/**
 * - `correct`: the outputs are what the call gives.
 * - `rounding`: they are, but for a rounding of the last bit that has a name.
 * - `explained`: one explanation fits.
 * - `ambiguous`: several fit, and these data do not tell them apart.
 * - `partly`: an explanation mends much of what is wrong, and something else is wrong, too.
 * - `unexplained`: no known mistake fits.
 */
export type Verdict = 'correct' | 'rounding' | 'explained' | 'ambiguous' | 'partly' | 'unexplained';

/** A mistake as reports name it. */
export interface NamedMistake {
  readonly id: string;
  readonly title: string;
  /** Which way, where there are several; may be empty. */
  readonly detail: string;
  readonly family: HypothesisFamily;
  readonly symptom: string;
  readonly origin: string;
  readonly evidence: 'reported' | 'derived';
  readonly remedy: string;
  readonly hiddenBy: string;
  /** Id of a golden incident, where it is one. */
  readonly incident: string | undefined;
  /** Hash of the visualizer's page that shows it: the incident, or the layout of the operand that it changes. */
  readonly permalink: string | undefined;
}

/** One mistake, or two at once, and how well they predict the outputs. */
export interface Explanation {
  readonly mistakes: readonly NamedMistake[];
  readonly evidence: Evidence;
  /** Share of the elements that were looked at that it predicts, 0..1. */
  readonly match: number;
  /** Explanations that predict the same numbers on these data. */
  readonly sameAs: readonly (readonly NamedMistake[])[];
  /** Which input would tell them apart; empty where there is nothing to tell apart. */
  readonly tellApart: string;
}

export interface Diagnosis {
  readonly op: OpName;
  readonly verdict: Verdict;
  /**
   * What the mistake was made with: the kernel's view of the operands as they were given, or the operands themselves (then the kernel computed
   * what they say, and what they say is not what was expected).
   */
  readonly about: 'kernel' | 'operands';
  /** How well the call as given predicts the outputs. */
  readonly asGiven: Evidence;
  /** Best first; empty for `correct` and `unexplained`. */
  readonly explanations: readonly Explanation[];
  /** What is striking about the wrong elements, in sentences. */
  readonly symptoms: readonly string[];
  readonly searched: {
    readonly rows: number;
    readonly columns: number;
    readonly hypotheses: number;
    readonly variants: number;
    readonly pairs: number;
    readonly ms: number;
    /** False where the time was up before everything was tried. */
    readonly complete: boolean;
  };
}
