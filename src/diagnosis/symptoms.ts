import type { Observation } from './observation.ts';
import type { Sample, Target } from './search.ts';
import { clipped, correlation, noise, offset, rounding, sameRows, signs } from './symptoms/difference.ts';
import { experts } from './symptoms/experts.ts';
import { moved } from './symptoms/moved.ts';
import { ratio } from './symptoms/ratio.ts';
import { type OutputView, viewsOf } from './symptoms/view.ts';
import { notFinite, share, where, zeros } from './symptoms/where.ts';

/** Looks at one output and says what is striking, in sentences; nothing where it is not. */
type Detector = (view: OutputView) => readonly string[];

/** Where, and what at first sight. */
const PLACES: readonly Detector[] = [share, where, experts, notFinite, zeros, sameRows];
/** What became of the numbers. */
const RELATIONS: readonly Detector[] = [ratio, signs, clipped, moved, offset, noise];
/** Said where no relation is found. */
const RESEMBLANCE: readonly Detector[] = [correlation, rounding];

/**
 * What is striking about outputs that are wrong, in sentences that hold to the letter: where the wrong elements are, and how they differ
 * from what was expected. Looks for no cause.
 *
 * @param observation where the target comes from: outputs are looked at as a whole where it tells what should have come out, and experts
 *   have the numbers they have there
 */
export function symptomsOf(target: Target, sample: Sample, observation?: Observation): readonly string[] {
  return viewsOf(target, sample, observation).flatMap((view) => {
    const said = (detectors: readonly Detector[]): readonly string[] => detectors.flatMap((detect) => detect(view));
    const relations = said(RELATIONS);
    return [...said(PLACES), ...relations, ...(relations.length === 0 ? said(RESEMBLANCE) : [])];
  });
}
