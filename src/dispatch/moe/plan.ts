import type { FusedMoeParams } from '../../ops/shared/fused-moe-plan.ts';
import type { MoeScheme } from '../../ops/shared/moe-params.ts';
import type { PhaseCost, PlanStepOf, PlanTensor } from '../plan.ts';
import type { Decision } from '../rule.ts';
import type { GateMode } from './facts.ts';
import type { MoeOutcome, MoeVerdict } from './outcome.ts';
import type { MoeTokenRange } from './situation.ts';
import type { MoeSpec } from './spec.ts';
import type { AiterVersion, MoeLoaderVersion } from './versions.ts';

export type MoeStepKind =
  | 'cast'
  | 'pad'
  | 'de-interleave'
  | 'flatten'
  | 'shuffle-weight'
  | 'shuffle-scale'
  | 'sort'
  | 'quantise'
  | 'stage1'
  | 'requantise'
  | 'stage2'
  | 'slice';

export type MoePlanStep = PlanStepOf<MoeStepKind>;

export type MoePlanCost = PhaseCost;

/** Sizes of one rank, in elements. */
export interface MoePlanSizes {
  readonly tp: number;
  readonly rank: number;
  readonly experts: number;
  readonly topk: number;
  readonly hidden: number;
  readonly paddedHidden: number;
  readonly hiddenPad: number;
  /** I / tp. */
  readonly inter: number;
  readonly paddedInter: number;
  readonly intermediatePad: number;
  /** Channels that this rank holds: whole blocks of 32. */
  readonly channels: { readonly start: number; readonly count: number };
}

/** How token counts come out with the weights as the plan stores them. */
export interface MoeRange extends MoeTokenRange {
  readonly verdict: MoeVerdict;
}

/** How `fused_moe_mxfp4` runs the plan: its operands by the names of the plan's tensors. */
export interface MoeRun {
  readonly op: 'fused_moe_mxfp4';
  readonly params: FusedMoeParams;
  readonly inputs: Readonly<Record<string, string>>;
  /** Tensor that `y` becomes. */
  readonly output: string;
}

/** Everything that happens to one mixture-of-experts layer on one rank, as JSON. */
export interface MoePlan {
  readonly format: 'preshuffle-moe-plan';
  readonly formatVersion: 1;
  readonly spec: MoeSpec;
  readonly layer: string;
  readonly rules: MoeLoaderVersion;
  readonly aiter: AiterVersion;
  readonly gateMode: GateMode;
  readonly flags: { readonly w13: boolean; readonly w2: boolean };
  readonly sizes: MoePlanSizes;
  /** Family, and the two kernels by name. */
  readonly kernel: string;
  readonly stage1: string;
  readonly stage2: string;
  readonly blockM: number;
  readonly scheme: MoeScheme;
  readonly outcome: Omit<MoeOutcome, 'decisions' | 'warnings'>;
  readonly decisions: readonly Decision[];
  readonly tensors: Readonly<Record<string, PlanTensor>>;
  /** Names of the tensors that the caller gives: `load` once, `call` for every batch. */
  readonly operands: { readonly load: readonly string[]; readonly call: readonly string[] };
  readonly result: string;
  readonly steps: readonly MoePlanStep[];
  readonly cost: { readonly load: MoePlanCost; readonly call: MoePlanCost };
  readonly run: MoeRun;
  /** The same weights at other token counts. */
  readonly ranges: readonly MoeRange[];
  readonly warnings: readonly string[];
}
