import type { Hypothesis } from '../hypothesis.ts';
import { FP8_WEIGHT_HYPOTHESES } from './fp8-weight.ts';

/** Every mistake that preshuffle knows, by what it happens to. Earlier ones are tried and listed first. */
export const HYPOTHESES: readonly Hypothesis[] = [...FP8_WEIGHT_HYPOTHESES];
