import type { Hypothesis } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';

/** Mistakes with the stored order of fp8 weights. */
export const FP8_WEIGHT_HYPOTHESES: readonly Hypothesis[] = [
  fromIncident('weight-shuffled-read-plain', {
    family: 'weight layout',
    remedy: 'Keep is_shuffled on the tensor that is passed, or load the weight without shuffle_weight.',
    hiddenBy: 'a weight whose rows and columns are all alike',
  }),
  fromIncident('weight-plain-read-shuffled', {
    family: 'weight layout',
    remedy:
      'Call shuffle_weight(w, (16, 16)) when the weight is loaded, before the first call of a bpreshuffle kernel.',
    hiddenBy: 'a weight whose rows and columns are all alike',
  }),
];
