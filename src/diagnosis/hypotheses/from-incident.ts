import { INCIDENTS } from '../../golden/incidents.ts';
import type { OpName } from '../../ops/registry.ts';
import type { Hypothesis, HypothesisFamily } from '../hypothesis.ts';

/** What an incident does not say about itself. */
interface Additions {
  readonly family: HypothesisFamily;
  readonly remedy: string;
  readonly hiddenBy: string;
  /** Default `reported`. */
  readonly evidence?: 'reported' | 'derived';
  /** Default: those of the incident. */
  readonly ops?: readonly OpName[];
}

/** The hypothesis that an incident of the golden suite happened again. */
export function fromIncident(id: string, additions: Additions): Hypothesis {
  const incident = INCIDENTS.find((known) => known.id === id);
  if (incident === undefined) throw new Error(`internal: no incident "${id}"`);
  const { title, symptom, origin, ops } = incident;
  return {
    id,
    title,
    symptom,
    origin,
    ops,
    evidence: 'reported',
    incident: id,
    // A shape that the wrong layout does not take shows only when it is made.
    variants: (call) => [{ detail: '', make: () => ({ ...call, operands: incident.misread(call.operands) }) }],
    ...additions,
  };
}
