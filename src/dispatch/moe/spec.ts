import { ParameterError } from '../../errors.ts';
import { W13_STATES, type W13LayoutId } from '../../layout/w13.ts';
import { type MoePadding, moePadding } from '../../moe/padding.ts';
import { type RankChannels, rankChannels } from '../../moe/shard.ts';
import { archFacts } from '../arch.ts';
import { oneOf, requireCount } from '../spec-checks.ts';
import { MOE_ENV_DEFAULTS, type MoeEnv } from './env.ts';
import {
  GATE_MODES,
  type GateMode,
  MOE_ACTIVATIONS,
  MOE_QUANT_METHODS,
  type MoeActivation,
  type MoeQuantMethod,
} from './facts.ts';
import { moeModel } from './models.ts';
import type { TunedKernels } from './tuned.ts';
import { type AiterVersion, aiterVersion, type MoeLoaderFacts, moeLoader } from './versions.ts';

/** Ranks of tensor parallelism that the rules were checked for. */
export const MOE_TP: readonly number[] = [1, 2, 4, 8];

/**
 * What happens to the weights:
 * - `mend`: whatever gives the kernel what it reads;
 * - `upstream`: what this state of the loader does, refused where that is wrong;
 * - `L0` … `L6`: nothing, they are stored in that order, with the shuffle flags given; refused unless the kernel reads that.
 */
export type MoeWeights = 'mend' | 'upstream' | W13LayoutId;

export const MOE_WEIGHTS: readonly MoeWeights[] = [
  'mend',
  'upstream',
  ...[...new Set(W13_STATES.map(({ id }) => id))].sort(),
];

/** One mixture-of-experts layer on one rank. Sizes are those of the model, over all ranks; a preset gives them. */
export interface MoeSpec {
  /** e.g. `gpt-oss-120b`. Sizes below override it, and are all needed without it. */
  readonly model?: string;
  /** For reports. Default: the model. */
  readonly layer?: string;
  readonly experts?: number;
  readonly topk?: number;
  readonly hidden?: number;
  readonly inter?: number;
  readonly activation?: MoeActivation;
  readonly swigluLimit?: number;
  readonly bias?: boolean;
  /** Order of the rows of w13 in the checkpoint. Default `separated`, or the model's. */
  readonly checkpoint?: 'interleaved' | 'separated';
  /** GptOssForCausalLM. Default: the model's. */
  readonly gptOss?: boolean;
  /** Tokens. */
  readonly m: number;
  /** Default 1. */
  readonly tp?: number;
  /** Default 0. */
  readonly rank?: number;
  /** `gfx950`. */
  readonly arch: string;
  /** Default `mxfp4`. */
  readonly quant?: MoeQuantMethod;
  /** State of the loader: SGLang's or ATOM's. Default `current`. */
  readonly rules?: string;
  /** State of AITER. Default: the one that this loader was used with. */
  readonly aiter?: string;
  /** Default `mend`. */
  readonly weights?: MoeWeights;
  /** Instead of what the rules choose. */
  readonly gateMode?: GateMode;
  /** is_shuffled as it reaches AITER. Default: set with `mend`, by the rules with `upstream`, set for shuffled orders otherwise. */
  readonly isShuffled?: boolean | { readonly w13: boolean; readonly w2: boolean };
  /** Kernel names of the tuned row, or `none`. Default: AITER's rows for GPT-OSS. */
  readonly tuned?: TunedKernels | 'none';
  readonly env?: Partial<MoeEnv>;
}

/** A spec with everything said. */
export interface ResolvedMoe {
  readonly layer: string;
  readonly experts: number;
  readonly topk: number;
  readonly activation: MoeActivation;
  readonly swigluLimit: number | undefined;
  readonly bias: boolean;
  readonly checkpoint: 'interleaved' | 'separated';
  readonly gptOss: boolean;
  readonly m: number;
  readonly rank: number;
  readonly quant: MoeQuantMethod;
  readonly loader: MoeLoaderFacts;
  readonly aiter: AiterVersion;
  readonly weights: MoeWeights;
  readonly gateMode: GateMode | undefined;
  readonly flags: { readonly w13: boolean; readonly w2: boolean } | undefined;
  readonly tuned: TunedKernels | 'none' | undefined;
  readonly env: MoeEnv;
  /** Padded sizes of this rank. */
  readonly sizes: MoePadding;
  /** Channels that this rank really holds. */
  readonly channels: RankChannels;
}

const WHERE = 'planMoe';

/** @throws ParameterError with the parameter, what was given and what is expected */
export function resolveMoe(spec: MoeSpec): ResolvedMoe {
  const model = spec.model === undefined ? undefined : moeModel(spec.model);
  const [experts, topk, hidden, inter] = [
    requireSize('experts', spec.experts ?? model?.experts),
    requireSize('topk', spec.topk ?? model?.topk),
    requireSize('hidden', spec.hidden ?? model?.hidden),
    requireSize('inter', spec.inter ?? model?.inter),
  ];
  requireCount(WHERE, 'm', spec.m);
  if (topk > experts) throw new ParameterError(WHERE, 'topk', `is ${topk}, but there are ${experts} experts.`);
  for (const [name, size] of [
    ['hidden', hidden],
    ['inter', inter],
  ] as const) {
    if (size % 32 !== 0) {
      throw new ParameterError(WHERE, name, `is ${size}, expected a multiple of 32: 32 elements share a scale.`);
    }
  }
  const { tp = 1, rank = 0, isShuffled } = spec;
  if (!MOE_TP.includes(tp)) throw new ParameterError(WHERE, 'tp', `is ${tp}, expected one of ${MOE_TP.join(', ')}.`);
  const arch = archFacts(spec.arch);
  if (arch.id !== 'gfx950') {
    throw new ParameterError(WHERE, 'arch', `is ${arch.id}, but the rules for MXFP4 experts are those of gfx950.`);
  }
  const env = { ...MOE_ENV_DEFAULTS, ...spec.env };
  if (!env.useAiter) {
    throw new ParameterError(WHERE, 'useAiter', 'is false, but these are the rules of AITER. Set SGLANG_USE_AITER.');
  }
  const loader = moeLoader(spec.rules ?? 'current');
  const limit = spec.swigluLimit ?? model?.swigluLimit;
  if (limit !== undefined && !(limit >= 0)) {
    throw new ParameterError(WHERE, 'swigluLimit', `is ${limit}, expected a number that is not negative.`);
  }
  return {
    layer: spec.layer ?? model?.id ?? 'experts',
    experts,
    topk,
    activation: oneOf(WHERE, 'activation', spec.activation ?? model?.activation ?? 'Silu', MOE_ACTIVATIONS),
    swigluLimit: limit,
    bias: spec.bias ?? model?.bias ?? false,
    checkpoint: oneOf(WHERE, 'checkpoint', spec.checkpoint ?? model?.checkpoint ?? 'separated', [
      'interleaved',
      'separated',
    ]),
    gptOss: spec.gptOss ?? model?.gptOss ?? false,
    m: spec.m,
    rank,
    quant: oneOf(WHERE, 'quant', spec.quant ?? 'mxfp4', MOE_QUANT_METHODS),
    loader,
    aiter: spec.aiter === undefined ? loader.aiter : aiterVersion(spec.aiter),
    weights: oneOf(WHERE, 'weights', spec.weights ?? 'mend', MOE_WEIGHTS),
    gateMode: spec.gateMode === undefined ? undefined : oneOf(WHERE, 'gateMode', spec.gateMode, GATE_MODES),
    flags: typeof isShuffled === 'boolean' ? { w13: isShuffled, w2: isShuffled } : isShuffled,
    tuned: spec.tuned,
    env,
    sizes: moePadding({ hidden, inter, tp }),
    channels: rankChannels(inter, { rank, tp, split: 'blocks' }),
  };
}

function requireSize(name: string, value: number | undefined): number {
  if (value === undefined) {
    throw new ParameterError(WHERE, name, 'is missing: name a model, or give experts, topk, hidden and inter.');
  }
  requireCount(WHERE, name, value);
  return value;
}
