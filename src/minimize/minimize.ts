import { range } from '../diagnosis/take.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { type AttemptCount, Attempts, type FailingElement, type Fails } from './attempt.ts';
import { axesOf, sizesOf } from './axes.ts';
import type { Axis } from './axis.ts';
import { DoesNotFailError } from './errors.ts';
import { reduceList } from './reduce.ts';
import { type Simplified, simplifyValues } from './values.ts';

export interface MinimizeProgress extends AttemptCount {
  readonly phase: 'sizes' | 'values';
  readonly sizes: Readonly<Record<string, number>>;
}

export interface MinimizeOptions {
  /** Milliseconds after which nothing more is tried. Default 60,000. */
  readonly budgetMs?: number;
  /** Make values plain as well, once the sizes are small. Default true. */
  readonly values?: boolean;
  readonly onProgress?: (progress: MinimizeProgress) => void;
}

export interface Minimized extends AttemptCount {
  /** The smallest call found that fails. */
  readonly call: KernelCall;
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  /** Which elements of the original are left, for each size that became smaller. */
  readonly kept: Readonly<Record<string, readonly number[]>>;
  readonly simplified: readonly Simplified[];
  readonly ms: number;
  /** False where the time was up before everything was tried. */
  readonly complete: boolean;
}

/**
 * Makes a failing call small: leaves out tokens, experts, columns and groups, and makes values plain, as long as it still fails.
 *
 * @param fails whether a kernel is wrong on a call; where it says which elements are, fewer runs are needed. A PreshuffleError from it
 *   means that the kernel does not take the call.
 *
 * @example
 * ```ts
 * const { call, before, after } = await minimize({ op, params, operands }, async (smaller) => isWrong(await myKernel(smaller)));
 * ```
 * @throws NoAxesError for an op without steps, DoesNotFailError when the call does not fail; what the op's plan and `fails` throw on it
 */
export async function minimize(call: KernelCall, fails: Fails, options: MinimizeOptions = {}): Promise<Minimized> {
  const started = performance.now();
  const axes = axesOf(call);
  const before = sizesOf(axes, call);
  definitionOf(call.op).plan(call.params, call.operands);
  // The first run is not part of the search: what goes wrong with it is for the caller to know.
  const verdict = await fails(call);
  const failing: readonly FailingElement[] = typeof verdict === 'boolean' ? [] : verdict;
  if (verdict === false || (verdict !== true && failing.length === 0))
    throw new DoesNotFailError(`minimize ${call.op}: the call does not fail, so there is nothing to make smaller.`);

  const state: State = { call, kept: {} };
  let phase: MinimizeProgress['phase'] = 'sizes';
  const attempts = new Attempts(fails, started + (options.budgetMs ?? 60_000), ({ runs, rejected }) =>
    options.onProgress?.({ phase, sizes: sizesOf(axes, state.call), runs, rejected }),
  );
  attempts.failing = failing;
  await shrink(axes, state, attempts);
  phase = 'values';
  const values =
    options.values === false
      ? { call: state.call, simplified: [] }
      : await simplifyValues(state.call, (candidate) => attempts.stillFails(candidate));
  return {
    call: values.call,
    before,
    after: sizesOf(axes, values.call),
    kept: state.kept,
    simplified: values.simplified,
    runs: attempts.runs + 1,
    rejected: attempts.rejected,
    ms: Math.round(performance.now() - started),
    complete: !attempts.cutShort,
  };
}

interface State {
  call: KernelCall;
  kept: Record<string, readonly number[]>;
}

/** Cuts one axis after the other, until a whole round cuts nothing. */
async function shrink(axes: readonly Axis[], state: State, attempts: Attempts): Promise<void> {
  const settled = new Map<Axis, KernelCall>();
  while (axes.some((axis) => axis.applies(state.call) && settled.get(axis) !== state.call)) {
    if (attempts.cutShort) return;
    for (const axis of axes) {
      if (!axis.applies(state.call) || settled.get(axis) === state.call) continue;
      await cut(axis, state, attempts);
      settled.set(axis, state.call);
    }
  }
}

async function cut(axis: Axis, state: State, attempts: Attempts): Promise<void> {
  const { call } = state;
  const [size, unit] = [axis.size(call), axis.unit(call)];
  const elementsOf = (units: readonly number[]): readonly number[] =>
    units.flatMap((index) => range(Math.min(unit, size - index * unit)).map((at) => index * unit + at));
  const unitsOf = (elements: readonly number[]): readonly number[] => [
    ...new Set(elements.map((element) => Math.floor(element / unit))),
  ];
  const suspects = unitsOf(failingAlong(axis, attempts.failing).filter((element) => element < size));
  const first = [suspects.slice(0, 1), suspects, ...axis.first(call).map(unitsOf)];
  const all = range(Math.ceil(size / unit));
  let smaller = call;
  const kept = await reduceList(
    all,
    async (units) => {
      const candidate = axis.take(call, elementsOf(units));
      if (candidate === undefined) {
        attempts.rejected += 1;
        return false;
      }
      if (!(await attempts.stillFails(candidate))) return false;
      smaller = candidate;
      return true;
    },
    { least: axis.least, first },
  );
  if (kept.length === all.length) return;
  const elements = elementsOf(kept);
  const { [axis.name]: origin = range(size) } = state.kept;
  state.kept = { ...state.kept, [axis.name]: elements.map((element) => origin[element] ?? element) };
  state.call = smaller;
}

/** Elements of an axis in which an output is wrong, ascending. */
function failingAlong(axis: Axis, failing: readonly FailingElement[]): readonly number[] {
  const found = new Set<number>();
  for (const { output, coord } of failing) {
    const shown = axis.shows.find(([name]) => name === output);
    const element = shown === undefined ? undefined : coord.at(shown[1]);
    if (element !== undefined) found.add(element);
  }
  return [...found].sort((a, b) => a - b);
}
