import type { W13LayoutId } from '../../layout/w13.ts';
import { type Decision, decide } from '../rule.ts';
import { gateMode, guItlv } from '../rules/moe-gate-mode.ts';
import { moeDeinterleave, moeFlag, moeShuffle } from '../rules/moe-load.ts';
import type { GateMode } from './facts.ts';
import { usedKSplit } from './heuristics.ts';
import { type MoeOutcome, moeOutcome } from './outcome.ts';
import { type MoeCallFacts, resolveMoeKernels } from './resolve.ts';
import type { ResolvedMoe } from './spec.ts';
import { type TunedKernels, type TunedQuery, tunedRows } from './tuned.ts';
import { aiterHas } from './versions.ts';

/** What the loader and the runner of a serving stack do, before AITER is asked. */
export interface MoeUpstream {
  readonly gateMode: GateMode;
  /** The order that the loader brings w13 into. */
  readonly w13: Extract<W13LayoutId, 'L2' | 'L3'>;
  readonly flags: { readonly w13: boolean; readonly w2: boolean };
  readonly decisions: readonly Decision[];
}

/** Follows the loader and the runner: `moe.gu-itlv`, `moe.gate-mode`, `moe.de-interleave`, `moe.shuffle`, `moe.is-shuffled`. */
export function moeUpstream(moe: ResolvedMoe): MoeUpstream {
  const { loader, env, gptOss, quant, checkpoint, aiter } = moe;
  const decisions: Decision[] = [];
  const ask = <D extends Decision>(decision: D): D => {
    decisions.push(decision);
    return decision;
  };
  const { id } = loader;
  const isOn =
    id === 'atom'
      ? env.atomGuItlv
      : ask(
          decide(guItlv, id, {
            gptOss,
            platform: 'hip',
            useAiter: env.useAiter,
            quant,
            runner: env.runner,
            guItlv: env.guItlv,
          }),
        ).choice === 'on';
  const mode = ask(
    decide(gateMode, id, {
      guItlv: isOn,
      hasSwigluLimit: (moe.swigluLimit ?? 0) > 0,
      aiterGateMode: aiterHas(aiter, 'pr-3123'),
    }),
  );
  ask(decide(moeDeinterleave, id, { checkpoint }));
  const shuffle = ask(decide(moeShuffle, id, { quant, guItlv: isOn }));
  const kept = ask(decide(moeFlag, id, { quant })).choice === 'kept';
  return {
    gateMode: mode.choice === 'not-passed' ? 'SEPARATED' : mode.choice,
    w13: shuffle.choice === 'interleave' ? 'L3' : 'L2',
    flags: { w13: kept, w2: kept },
    decisions,
  };
}

/** How the weights of a layer arrive at a call. */
export interface MoeArrival {
  readonly gateMode: GateMode;
  readonly flags: { readonly w13: boolean; readonly w2: boolean };
}

/** The facts of a call with m tokens, the tuned row looked up as AITER does. */
export function moeCallFacts(moe: ResolvedMoe, { gateMode: mode, flags }: MoeArrival, m: number): MoeCallFacts {
  const { env, sizes, experts, topk } = moe;
  const problem = { tokens: m, topk, experts, inter: sizes.paddedInter, hidden: sizes.paddedHidden, cu: env.cu };
  const facts: MoeCallFacts = {
    m,
    gateMode: mode,
    activation: moe.activation,
    flags,
    aiter: moe.aiter,
    ksplit: usedKSplit(problem, env.ksplit, undefined),
    flydsl: env.flydsl,
    flydslForce: env.flydslForce,
    swigluBf16Bound: env.swigluBf16Bound,
    bf16Fp8Bound: env.bf16Fp8Bound,
    situv2A8w4: env.situv2A8w4,
    situv2A4w4: env.situv2A4w4,
    forceA8w4: env.forceA8w4,
    ...(moe.bias ? { bias: 'f32' } : {}),
  };
  const tuned = tunedOf(moe, facts);
  return tuned === undefined ? facts : { ...facts, tuned };
}

/** The type of the activations is part of the key, so it is decided first. */
function tunedOf(moe: ResolvedMoe, facts: MoeCallFacts): TunedKernels | undefined {
  if (moe.tuned !== undefined) return moe.tuned === 'none' ? undefined : moe.tuned;
  if (moe.env.bypassTune) return undefined;
  const { activationType } = resolveMoeKernels(facts);
  const activations = activationType === 'fp4x2' ? 'fp4' : activationType;
  const { experts, topk, sizes } = moe;
  const query: TunedQuery = {
    activations,
    tokens: facts.m,
    topk,
    experts,
    inter: sizes.paddedInter,
    hidden: sizes.paddedHidden,
  };
  return tunedRows(query)?.kernels;
}

/** What weights in a given order give at a call with m tokens. */
export function moeOutcomeAt(
  moe: ResolvedMoe,
  arrival: MoeArrival,
  weights: { readonly w13: W13LayoutId; readonly w2: 'shuffled' | 'plain' },
  m: number,
): MoeOutcome {
  const limit = moe.swigluLimit === undefined ? {} : { swigluLimit: moe.swigluLimit };
  return moeOutcome({ ...moeCallFacts(moe, arrival, m), ...weights, ...limit });
}

/**
 * Token counts at which the dispatcher may change its mind: on both sides of every bound, and of the sizes of tuned rows.
 * Weights are stored once for all of them.
 */
export function moeProbes({ env, m }: ResolvedMoe): readonly number[] {
  const { swigluBf16Bound, bf16Fp8Bound } = env;
  const bounds = [swigluBf16Bound, bf16Fp8Bound].flatMap((bound) => [bound - 1, bound]);
  const probes = [1, 2, 8, 32, 64, 128, 129, 1024, 32768, 131072, m, ...bounds];
  return [...new Set(probes.filter((one) => one >= 1))].sort((a, b) => a - b);
}
