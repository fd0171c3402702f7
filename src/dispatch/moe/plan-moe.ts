import { ParameterError, PreshuffleError } from '../../errors.ts';
import type { FusedMoeParams } from '../../ops/shared/fused-moe-plan.ts';
import type { MoeScheme } from '../../ops/shared/moe-params.ts';
import { LayoutMismatchError } from '../../tensor/errors.ts';
import { type Decision, decide } from '../rule.ts';
import { swigluLimit } from '../rules/moe-kernel-limits.ts';
import { type MoeArrival, moeOutcomeAt } from './dispatch.ts';
import type { MoeOutcome } from './outcome.ts';
import type { MoePlan, MoeRange, MoeRun } from './plan.ts';
import { MoePlanBuilder } from './plan-builder.ts';
import { addCallSteps, blockMOf, type CallSteps, schemeOf } from './plan-call.ts';
import { addStoredWeights, addWeightSteps, type LoadedNames, stateOf } from './plan-load.ts';
import { moePlanWarnings } from './plan-warnings.ts';
import { mendMoe, storedLayout } from './remedy.ts';
import type { MoeKernels } from './resolve.ts';
import { moeSituation, type StoredOrder, tokenRanges } from './situation.ts';
import type { MoeSpec, ResolvedMoe } from './spec.ts';

/** AITER would raise an error, or launch nothing, for this layer: there is nothing to plan. */
export class MoeRefusedError extends PreshuffleError {
  readonly outcome: MoeOutcome;

  constructor(where: string, outcome: MoeOutcome, remedy: string) {
    super('moe-refused', `${where}: ${outcome.reason}. ${remedy}`);
    this.outcome = outcome;
  }
}

/**
 * Plans one MXFP4 mixture-of-experts layer on one rank: which kernels run and why, what happens to the weights once at load (pad,
 * de-interleave, shuffle), what every call does (sort, quantise, both stages), in which layout every tensor is and how many bytes
 * each step moves. Nothing runs; `runMoePlan` executes the result on any backend.
 *
 * @throws LayoutMismatchError where a kernel would read the weights in another order than they are stored in, without an error
 *   upstream; the message has the mending step
 * @throws MoeRefusedError where upstream raises an error or launches nothing
 * @throws ParameterError for a spec that makes no sense, with what was given and what is expected
 * @example
 * ```ts
 * const plan = planMoe({ model: 'gpt-oss-120b', tp: 8, m: 64, arch: 'gfx950' });
 * plan.kernel;           // 'cktile-fused'
 * plan.outcome.expects;  // 'L3'
 * ```
 */
export function planMoe(spec: MoeSpec): MoePlan {
  const situation = moeSituation(spec);
  const { moe, arrival, kernels, stored, outcome } = situation;
  requireRight(moe, arrival, outcome, stored);
  const scheme = schemeOf(kernels);
  if (scheme === undefined) {
    throw new MoeRefusedError(`plan of ${moe.layer}`, outcome, 'Stages 1 and 2 take different types.');
  }
  if (moe.activation === 'Situv2') {
    throw new ParameterError(
      'planMoe',
      'activation',
      'is Situv2, which no op here computes. moeOutcome() still says what runs.',
    );
  }

  const builder = new MoePlanBuilder();
  const isGiven = moe.weights !== 'mend' && moe.weights !== 'upstream';
  const weights = isGiven
    ? addStoredWeights(builder, moe, stateOf(stored.w13), kernels)
    : addWeightSteps(builder, moe, kernels);
  const blockM = blockMOf(moe, kernels);
  const call = addCallSteps(builder, moe, kernels, weights.kernel, blockM);
  const { decisions: _, warnings, ...rest } = outcome;
  const ranges = rangesOf(moe, arrival, stored);
  return {
    format: 'preshuffle-moe-plan',
    formatVersion: 1,
    spec,
    layer: moe.layer,
    rules: moe.loader.id,
    aiter: moe.aiter,
    gateMode: arrival.gateMode,
    flags: arrival.flags,
    sizes: sizesOf(moe),
    kernel: kernels.kernel,
    stage1: kernels.stage1,
    stage2: kernels.stage2,
    blockM,
    scheme,
    outcome: rest,
    decisions: [...situation.decisions, ...call.decisions],
    ...builder.parts(),
    result: call.result,
    run: runOf(moe, kernels, scheme, weights.run, call),
    ranges,
    warnings: [...warnings, ...moePlanWarnings(moe, kernels, ranges, call)],
  };
}

function requireRight(moe: ResolvedMoe, arrival: MoeArrival, outcome: MoeOutcome, stored: StoredOrder): void {
  if (outcome.verdict === 'right') return;
  const where = `plan of ${moe.layer} (${outcome.kernel}, m = ${moe.m})`;
  const { expects, orElse } = outcome;
  // What the call would do if the flags had come along.
  const flagged = moeOutcomeAt(moe, { ...arrival, flags: { w13: true, w2: true } }, stored, moe.m);
  const remedy = mendMoe(moe, arrival, { outcome, flagged, stored: stored.w13 });
  // Where the sources leave open what the kernel does, no order of the weights mends it.
  if (outcome.verdict === 'error' || outcome.evidence === 'open' || expects === undefined || expects === stored.w13) {
    throw new MoeRefusedError(where, outcome, remedy);
  }
  throw new LayoutMismatchError(
    where,
    'w13',
    storedLayout(moe, stored.w13),
    [storedLayout(moe, expects).id],
    remedy,
    `which is ${stored.w13}, and the kernel reads ${expects}: it would take gate and up from other rows, without an error` +
      `${orElse === 'error' ? ', if it can be built at all' : ''}.`,
  );
}

function sizesOf({ sizes, channels, experts, topk, rank }: ResolvedMoe): MoePlan['sizes'] {
  const { tp, hidden, paddedHidden, hiddenPad, rankInter, paddedInter, intermediatePad } = sizes;
  return {
    tp,
    rank,
    experts,
    topk,
    hidden,
    paddedHidden,
    hiddenPad,
    inter: rankInter,
    paddedInter,
    intermediatePad,
    channels,
  };
}

function rangesOf(moe: ResolvedMoe, arrival: MoeArrival, stored: StoredOrder): readonly MoeRange[] {
  return tokenRanges(moe, arrival).map((range) => ({
    ...range,
    verdict: moeOutcomeAt(moe, arrival, stored, range.from).verdict,
  }));
}

function runOf(
  moe: ResolvedMoe,
  kernels: MoeKernels,
  scheme: MoeScheme,
  weights: LoadedNames,
  call: CallSteps,
): MoeRun {
  const { w13, w13_scale, w2, w2_scale, w13_bias, w2_bias } = weights;
  const mode = call.rounding === 'Even' ? 'Even' : 'RoundUp';
  const params = {
    activation: moe.activation === 'Swiglu' ? 'swiglu' : moe.activation === 'Gelu' ? 'gelu' : 'silu',
    scheme,
    ...limitOf(moe, kernels),
    ...(scheme === 'a16w4' ? {} : { quantMode: mode }),
  } as FusedMoeParams;
  return {
    op: 'fused_moe_mxfp4',
    params,
    inputs: {
      x: call.x,
      w1: w13,
      w1_scale: w13_scale,
      w2,
      w2_scale,
      topk_ids: 'topk_ids',
      topk_weights: 'topk_weights',
      ...(w13_bias === undefined ? {} : { w1_bias: w13_bias }),
      ...(w2_bias === undefined ? {} : { w2_bias }),
    },
    output: call.y,
  };
}

/** The clamp that the kernel really applies, so that running the plan gives the kernel's numbers. */
function limitOf(moe: ResolvedMoe, { kernel }: MoeKernels): { readonly swiglu_limit?: number } {
  const { choice }: Decision = decide(swigluLimit, 'current', { kernel, activation: moe.activation });
  if (choice === 'fixed-7') return { swiglu_limit: 7 };
  if (choice === 'ignored' || moe.swigluLimit === undefined || moe.activation === 'Gelu') return {};
  return { swiglu_limit: moe.swigluLimit };
}
