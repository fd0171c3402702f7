import type { ElementType } from '../formats/element-type.ts';
import type { CatalogEntry } from './catalog-entries.ts';
import type { GuessCandidate, GuessRole, RejectedCandidate } from './guess-candidates.ts';
import type { Feature } from './guess-features.ts';
import type { LayoutTraces } from './guess-traces.ts';

export interface GuessInput {
  /** The tensor's storage. */
  readonly bytes: Uint8Array;
  readonly type: ElementType;
  /** Logical shape; of packed fp4 in elements. */
  readonly shape: readonly number[];
  /** Experts stacked in the rows of a matrix. Default 1. */
  readonly experts?: number;
  /** Default: e8m0 and f32 are scales, other types are weights. */
  readonly role?: GuessRole;
  /** Default: the catalog. */
  readonly candidates?: readonly CatalogEntry[];
  /** Held-out elements; an undecided guess is repeated with four times as many. Default 16,384. */
  readonly samples?: number;
  /** Default 1. The same seed gives the same answer. */
  readonly seed?: number;
}

/** One possible layout. */
export interface LayoutGuess {
  /** Its id first, then those of layouts with the same bytes for this shape. */
  readonly ids: readonly string[];
  readonly candidate: GuessCandidate;
  /** Share of the spread of magnitudes that it predicts on held-out elements; about 0 in a wrong order, 1 at most. */
  readonly score: number;
  /** How far it is behind the best, in standard errors of the paired difference; 0 for the best. */
  readonly behind: number;
  /** Standard errors by which it predicts better than no order at all. */
  readonly structure: number;
  /** `score` from one feature alone. */
  readonly shares: Readonly<Record<Feature, number>>;
  readonly traces: LayoutTraces;
  /** In words, most telling first. */
  readonly evidence: readonly string[];
}

export interface GuessResult {
  /**
   * - `found`: five standard errors or more ahead of the next;
   * - `leaning`: four or more, or only orders that come from mistakes are nearer;
   * - `only-fit`: no other layout takes this shape and length, so nothing was compared;
   * - `cannot-tell`.
   */
  readonly verdict: 'found' | 'leaning' | 'only-fit' | 'cannot-tell';
  /** Probability that the best is better than every other; 1 / number of guesses when nothing is known. */
  readonly confidence: number;
  readonly summary: string;
  /** Best first. */
  readonly guesses: readonly LayoutGuess[];
  readonly rejected: readonly RejectedCandidate[];
  /** How many of `guesses`, from the first, the data do not tell apart. */
  readonly tied: number;
  /** Which data would tell the tied ones apart; undefined when the first is alone. */
  readonly toTellApart: string | undefined;
}
