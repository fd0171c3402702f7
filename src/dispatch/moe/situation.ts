import { W13_STATES, type W13LayoutId } from '../../layout/w13.ts';
import type { Decision } from '../rule.ts';
import { type MoeArrival, moeCallFacts, moeOutcomeAt, moeProbes, moeUpstream } from './dispatch.ts';
import type { MoeOutcome, MoeVerdict } from './outcome.ts';
import { type MoeKernels, resolveMoeKernels } from './resolve.ts';
import { type MoeSpec, type ResolvedMoe, resolveMoe } from './spec.ts';

/** How the weights are stored when the kernels get them. */
export interface StoredOrder {
  readonly w13: W13LayoutId;
  readonly w2: 'shuffled' | 'plain';
}

/** What a spec leads to, before anything is refused. */
export interface MoeSituation {
  readonly moe: ResolvedMoe;
  /** gate_mode and flags as they reach AITER. */
  readonly arrival: MoeArrival;
  readonly kernels: MoeKernels;
  readonly stored: StoredOrder;
  readonly outcome: MoeOutcome;
  /** Of the loader, the runner and AITER, in that order. */
  readonly decisions: readonly Decision[];
}

/**
 * Follows a layer from its loader through the dispatcher.
 * @throws ParameterError for a spec that makes no sense
 */
export function moeSituation(spec: MoeSpec): MoeSituation {
  const moe = resolveMoe(spec);
  const upstream = moeUpstream(moe);
  const isShuffled = moe.weights !== 'L0' && moe.weights !== 'L1';
  const unlessSaid = moe.weights === 'upstream' ? upstream.flags : { w13: isShuffled, w2: isShuffled };
  const arrival = { gateMode: moe.gateMode ?? upstream.gateMode, flags: moe.flags ?? unlessSaid };
  const kernels = resolveMoeKernels(moeCallFacts(moe, arrival, moe.m));
  const stored = storedOrder(moe, kernels, upstream.w13);
  const outcome = moeOutcomeAt(moe, arrival, stored, moe.m);
  return { moe, arrival, kernels, stored, outcome, decisions: [...upstream.decisions, ...outcome.decisions] };
}

function storedOrder(moe: ResolvedMoe, kernels: MoeKernels, upstream: W13LayoutId): StoredOrder {
  if (moe.weights === 'upstream') return { w13: upstream, w2: 'shuffled' };
  // Where no kernel reads anything, the refusal has another reason than the order.
  const wanted = kernels.expects ?? 'L2';
  return { w13: moe.weights === 'mend' ? wanted : moe.weights, w2: kernels.expectsW2 };
}

/** Token counts that run the same kernel on the same order. */
export interface MoeTokenRange {
  readonly from: number;
  /** Undefined: no end. */
  readonly to: number | undefined;
  /** Family. */
  readonly kernel: string;
  readonly expects: MoeOutcome['expects'];
}

/** `m = 1 … 255`, `m >= 256`. */
export function describeRange({ from, to }: Pick<MoeTokenRange, 'from' | 'to'>): string {
  if (to === undefined) return from === 1 ? 'any m' : `m >= ${from}`;
  return from === to ? `m = ${from}` : `m = ${from} … ${to}`;
}

/** What one order of w13 gives over all token counts. */
export interface MoeVerdictRow {
  readonly w13: W13LayoutId;
  readonly title: string;
  /** One a range. */
  readonly outcomes: readonly Pick<MoeOutcome, 'verdict' | 'orElse' | 'reason' | 'evidence'>[];
  readonly verdict: MoeVerdict | 'depends';
}

export interface MoeVerdicts {
  readonly ranges: readonly MoeTokenRange[];
  readonly rows: readonly MoeVerdictRow[];
}

/**
 * The verdict for every order of w13, L0 to L6, at every token count: gate_mode and flags stay as they are, and w2 is stored as
 * its kernel reads it.
 */
export function moeVerdicts({ moe, arrival }: Pick<MoeSituation, 'moe' | 'arrival'>): MoeVerdicts {
  const ranges = tokenRanges(moe, arrival);
  const states = W13_STATES.filter(({ id }, index) => W13_STATES.findIndex((other) => other.id === id) === index);
  const rows = [...states]
    .sort((a, b) => a.id.localeCompare(b.id))
    .map(({ id, title }) => {
      const outcomes = ranges.map(({ from }) => {
        const { expectsW2 } = resolveMoeKernels(moeCallFacts(moe, arrival, from));
        const { verdict, orElse, reason, evidence } = moeOutcomeAt(moe, arrival, { w13: id, w2: expectsW2 }, from);
        return { verdict, ...(orElse === undefined ? {} : { orElse }), reason, evidence };
      });
      const [first] = outcomes;
      const isSame = outcomes.every(({ verdict }) => verdict === first?.verdict);
      const all: MoeVerdictRow['verdict'] = isSame && first !== undefined ? first.verdict : 'depends';
      return { w13: id, title: id === 'L6' ? 'de-interleaved twice' : title, outcomes, verdict: all };
    });
  return { ranges, rows };
}

/**
 * Which kernels run at which token counts. Between two probes that differ the border is searched by halves; between equal ones nothing is
 * taken to change.
 */
export function tokenRanges(moe: ResolvedMoe, arrival: MoeArrival): readonly MoeTokenRange[] {
  const at = (m: number): Pick<MoeTokenRange, 'kernel' | 'expects'> => {
    const { kernel, expects } = moeOutcomeAt(moe, arrival, { w13: 'L2', w2: 'shuffled' }, m);
    return { kernel, expects };
  };
  const isSame = (a: ReturnType<typeof at>, b: ReturnType<typeof at>): boolean =>
    a.kernel === b.kernel && a.expects === b.expects;
  const found: { from: number; kernel: string; expects: MoeTokenRange['expects'] }[] = [];
  let before = 1;
  for (const probe of moeProbes(moe)) {
    const now = at(probe);
    const last = found.at(-1);
    if (last === undefined) found.push({ from: 1, ...now });
    else if (!isSame(last, now)) {
      let [low, high] = [before, probe];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (isSame(at(middle), now)) high = middle;
        else low = middle;
      }
      found.push({ from: high, ...now });
    }
    before = probe;
  }
  return found.map((range, index) => {
    const next = found[index + 1];
    return { ...range, to: next === undefined ? undefined : next.from - 1 };
  });
}
