import type { W13LayoutId } from '../../layout/w13.ts';
import { type Decision, decide } from '../rule.ts';
import { moeActivationType, moeRequant } from '../rules/moe-activation-type.ts';
import { type MoeKernelChoice, moeKernel } from '../rules/moe-kernel.ts';
import type { GateMode, MoeActivation, MoeActivationType, MoeWeightType } from './facts.ts';
import { type FlydslKernel, parseFlydslName, tunedKind } from './flydsl-name.ts';
import { flydslHeuristic } from './heuristics.ts';
import type { TunedKernels } from './tuned.ts';
import type { AiterVersion } from './versions.ts';

/** Everything that AITER's dispatcher looks at, and nothing that it does not. */
export interface MoeCallFacts {
  /** Tokens, not padded. */
  readonly m: number;
  readonly gateMode: GateMode;
  readonly activation: MoeActivation;
  /** is_shuffled of w13 and of w2, as they arrive. */
  readonly flags: { readonly w13: boolean; readonly w2: boolean };
  /** Type of the biases; undefined: there are none. */
  readonly bias?: 'f32' | 'bf16';
  /** Default gfx950. */
  readonly arch?: string;
  /** Default `current`. */
  readonly aiter?: AiterVersion;
  /** Type of the model. Default bf16. */
  readonly dtype?: 'bf16' | 'f16';
  /** Default fp4x2. */
  readonly weights?: MoeWeightType;
  /** Names in the tuned row that was found. Default: none was. */
  readonly tuned?: TunedKernels | undefined;
  /** The tuned row asks for one stage. Default false. */
  readonly run1stage?: boolean;
  /** Parts that K is cut into. Default 0. */
  readonly ksplit?: number;
  /** Default true. */
  readonly g1u1?: boolean;
  /** Default false. */
  readonly doweightStage1?: boolean;
  /** Default false. */
  readonly expertMask?: boolean;
  /** FlyDSL is installed. Default true. */
  readonly flydsl?: boolean;
  /** AITER_FLYDSL_FORCE. Default true. */
  readonly flydslForce?: boolean;
  /** GPTOSS_SWIGLU_MXFP4_BF16_BOUND. Default 256. */
  readonly swigluBf16Bound?: number;
  /** AITER_BF16_FP8_MOE_BOUND. Default 256. */
  readonly bf16Fp8Bound?: number;
  /** AITER_SITUV2_A8W4, AITER_SITUV2_A4W4, AITER_FORCE_A8W4. Default false. */
  readonly situv2A8w4?: boolean;
  readonly situv2A4w4?: boolean;
  readonly forceA8w4?: boolean;
}

/** The kernels of a call, and what they read. */
export interface MoeKernels {
  readonly kernel: MoeKernelChoice;
  /** Names, where there are any. */
  readonly stage1: string;
  readonly stage2: string;
  /** What activations are quantised to; stage 1 may be handed bf16 all the same. */
  readonly activationType: MoeActivationType;
  /** What stage 1 is handed. */
  readonly fed: MoeActivationType;
  /** What stage 2 is handed. */
  readonly requant: MoeActivationType;
  /** The order of w13 that stage 1 reads; undefined: the kernel has none that is known, or there is none. */
  readonly expects: Extract<W13LayoutId, 'L1' | 'L2' | 'L3'> | undefined;
  /** The order of w13's scales: shuffled always, also where the weight is not. */
  readonly expectsScale: Extract<W13LayoutId, 'L2' | 'L3'> | undefined;
  readonly expectsW2: 'shuffled' | 'plain';
  /** Stage 1 by name, if it is a FlyDSL kernel. */
  readonly flydsl: FlydslKernel | undefined;
  readonly decisions: readonly Decision[];
}

/**
 * Follows a call through AITER's dispatcher.
 * @throws FlydslNameError for a tuned name that begins like a FlyDSL kernel and is none
 */
export function resolveMoeKernels(facts: MoeCallFacts): MoeKernels {
  const { m, gateMode, activation, flags, arch = 'gfx950', aiter = 'current', weights = 'fp4x2', tuned } = facts;
  const { ksplit = 0 } = facts;
  const type = decide(moeActivationType, aiter, {
    arch,
    weights,
    activation,
    gateMode,
    m,
    swigluBf16Bound: facts.swigluBf16Bound ?? 256,
    bf16Fp8Bound: facts.bf16Fp8Bound ?? 256,
    situv2A8w4: facts.situv2A8w4 ?? false,
    situv2A4w4: facts.situv2A4w4 ?? false,
    forceA8w4: facts.forceA8w4 ?? false,
  });
  const flagged = flags.w13 || flags.w2;
  const kernel = decide(moeKernel, aiter, {
    arch,
    dtype: facts.dtype ?? 'bf16',
    activation,
    gateMode,
    activationType: type.choice,
    weights,
    flagged,
    bothFlagged: flags.w13 && flags.w2,
    tuned: tunedKind(tuned?.stage1),
    tunedStage2Flydsl: tunedKind(tuned?.stage2) === 'flydsl',
    run1stage: facts.run1stage ?? false,
    ksplit,
    g1u1: facts.g1u1 ?? true,
    doweightStage1: facts.doweightStage1 ?? false,
    flydsl: facts.flydsl ?? true,
    flydslForce: facts.flydslForce ?? true,
    hasBias: facts.bias !== undefined,
    hasExpertMask: facts.expertMask ?? false,
  });
  const requant = decide(moeRequant, 'current', { activationType: type.choice, activation, ksplit, flagged });
  const names = kernelNames(kernel.choice, type, m, tuned);
  const flydsl = tunedKind(names.stage1) === 'flydsl' ? parseFlydslName(names.stage1) : undefined;
  // With K split on shuffled weights, x is not quantised either.
  const isSplit = kernel.choice === 'cktile-split-k-auto' && ksplit >= 2 && flagged;
  return {
    kernel: kernel.choice,
    ...names,
    activationType: type.choice,
    fed: isSplit ? 'bf16' : type.choice,
    requant: requant.choice,
    ...readsOf(kernel.choice, facts, flydsl),
    flydsl,
    decisions: [type, kernel, requant],
  };
}

type Reads = Pick<MoeKernels, 'expects' | 'expectsScale' | 'expectsW2'>;

const SEPARATED: Reads = { expects: 'L2', expectsScale: 'L2', expectsW2: 'shuffled' };
const INTERLEAVE: Reads = { expects: 'L3', expectsScale: 'L3', expectsW2: 'shuffled' };
const NOTHING: Reads = { expects: undefined, expectsScale: undefined, expectsW2: 'shuffled' };

function readsOf(kernel: MoeKernelChoice, { gateMode, flags }: MoeCallFacts, flydsl: FlydslKernel | undefined): Reads {
  switch (kernel) {
    case 'cktile-fused':
    case 'cktile-split-k-auto':
      return INTERLEAVE;
    case 'cktile-split-k-standard':
      return SEPARATED;
    case 'mxmoe':
      return gateMode === 'INTERLEAVE' ? INTERLEAVE : SEPARATED;
    case 'flydsl':
    case 'flydsl-tuned':
      if (flydsl === undefined) return NOTHING;
      return flydsl.reads === 'interleave' ? INTERLEAVE : SEPARATED;
    case 'ck2stages':
      return {
        expects: flags.w13 ? 'L2' : 'L1',
        expectsScale: 'L2',
        expectsW2: flags.w2 ? 'shuffled' : 'plain',
      };
    default:
      return NOTHING;
  }
}

function kernelNames(
  kernel: MoeKernelChoice,
  type: Decision<MoeActivationType>,
  m: number,
  tuned: TunedKernels | undefined,
): { readonly stage1: string; readonly stage2: string } {
  if (kernel === 'flydsl') {
    const { stage1, stage2 } = flydslHeuristic(type.choice === 'fp4x2' ? 'fp4' : type.choice, m);
    return { stage1, stage2 };
  }
  const named = kernel === 'flydsl-tuned' || kernel === 'mxmoe' || kernel === 'opus' || kernel === 'asm-2-stage';
  return named && tuned !== undefined ? tuned : { stage1: kernel, stage2: kernel };
}
