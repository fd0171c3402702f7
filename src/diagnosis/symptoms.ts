import type { Sample, Target } from './search.ts';

/** What is striking about the wrong elements of a sample, in sentences. */
export function symptomsOf(_target: Target, sample: Sample): readonly string[] {
  const wrong = sample.marks.reduce((sum, mark) => sum + (mark === 0 ? 1 : 0), 0);
  return wrong === 0 ? [] : [`${wrong} of ${sample.marks.length} elements that were looked at are wrong.`];
}
