import type { KernelCall } from '../ops/kernel-call.ts';
import type { Candidate } from './candidate.ts';

/** Which input would tell two candidates apart that predict the same on this call. */
export function tellApart(_call: KernelCall, a: Candidate, b: Candidate): string {
  return [...a.mistakes, ...b.mistakes].map(({ hypothesis }) => hypothesis.hiddenBy).join('; ');
}
