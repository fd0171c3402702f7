/**
 * The smallest call that still fails: tokens, experts, channels and groups are cut away while it does, then values become plain.
 *
 * @example
 * ```ts
 * import { minimize } from 'preshuffle/minimize';
 * const small = await minimize(call, async (smaller) => isWrong(await myKernel(smaller)));
 * ```
 */
export type { AttemptCount, FailingElement, Fails, Verdict } from './attempt.ts';
export { SHRINKABLE_OPS } from './axes.ts';
export { DoesNotFailError, KernelRunError, NoAxesError } from './errors.ts';
export { describeFailures, type Judgement, judge } from './judge.ts';
export { type Minimized, type MinimizeOptions, type MinimizeProgress, minimize } from './minimize.ts';
export type { Simplified } from './values.ts';
