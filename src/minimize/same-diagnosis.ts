import { diagnose } from '../diagnosis/diagnose.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { referenceOf } from './judge.ts';

/** Milliseconds for the diagnosis of one call. */
const BUDGET = 10_000;

/** The verdict and the mistakes that explain best, as one text; undefined where nothing is explained. */
export async function diagnosisOf(call: KernelCall, actual: NamedTensors): Promise<string | undefined> {
  const diagnosis = await diagnose({ ...call, actual, expected: referenceOf(call) }, { budgetMs: BUDGET });
  return nameOf(diagnosis);
}

function nameOf({ verdict, explanations }: Diagnosis): string | undefined {
  const [best] = explanations;
  return best === undefined ? undefined : `${verdict}: ${best.mistakes.map(({ id }) => id).join(' and ')}`;
}
