import type { Candidate } from './candidate.ts';
import type { Explanation, NamedMistake } from './diagnosis.ts';
import type { Observation } from './observation.ts';
import { permalinkOf } from './permalink.ts';
import { AGAIN, chooseSample } from './samples.ts';
import { byEvidence, type Finding, samePrediction, type Target, tryCandidate } from './search.ts';
import { tellApart } from './tell-apart.ts';

/** Groups findings that predict the same; where the best ones do, looks at more rows before it says so. */
export function explanationsOf(
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

function named(candidate: Candidate): readonly NamedMistake[] {
  return candidate.mistakes.map(({ hypothesis, detail }) => {
    const { id, title, family, symptom, origin, evidence, remedy, hiddenBy, incident } = hypothesis;
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
      incident,
      permalink: permalinkOf(hypothesis, candidate),
    };
  });
}
