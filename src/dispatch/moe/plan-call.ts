import { rowMajor } from '../../layout/plain.ts';
import { ckTilePads } from '../../moe/padding.ts';
import type { MoeScheme } from '../../ops/shared/moe-params.ts';
import { storageBytes } from '../../tensor/make.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';
import { type Decision, decide } from '../rule.ts';
import { flydslPads } from '../rules/moe-bias.ts';
import type { ScaleRoundingChoice } from '../rules/moe-scale-rounding.ts';
import { blockSizeM, ckTileBlockM, flydslHeuristic } from './heuristics.ts';
import type { MoePlanBuilder } from './plan-builder.ts';
import type { LoadedNames } from './plan-load.ts';
import { addQuantise, addRequantise, addSort, bf16, type Quantised, quantisedSpecs, sortedRows } from './plan-quant.ts';
import type { MoeKernels } from './resolve.ts';
import type { ResolvedMoe } from './spec.ts';

/** Types of both multiplications, where they have one name. */
export function schemeOf(kernels: Pick<MoeKernels, 'fed' | 'requant'>): MoeScheme | undefined {
  if (kernels.fed !== kernels.requant) return undefined;
  return SCHEMES[kernels.fed];
}

const SCHEMES = { bf16: 'a16w4', fp8: 'a8w4', fp4x2: 'a4w4' } as const;

/** Rows of a block of sorted tokens: the tuned row's, the kernel's own heuristic, or the general one. */
export function blockMOf(moe: ResolvedMoe, { kernel, fed, flydsl, activationType }: MoeKernels): number {
  const { m, topk, experts, sizes, env } = moe;
  if (kernel === 'cktile-fused') return ckTileBlockM(fed === 'fp8' ? 'fp8' : 'bf16', m);
  if (kernel === 'flydsl') return flydslHeuristic(activationType === 'fp4x2' ? 'fp4' : activationType, m).blockM;
  const general = { tokens: m, topk, experts, inter: sizes.paddedInter, hidden: sizes.paddedHidden, cu: env.cu };
  return flydsl?.tile.m ?? blockSizeM(general);
}

/** What every call does, and what it decided on the way. */
export interface CallSteps {
  readonly result: string;
  /** Tensors that `fused_moe_mxfp4` takes as x and leaves as y. */
  readonly x: string;
  readonly y: string;
  readonly decisions: readonly Decision[];
  /** How the scales of x are rounded; undefined: x is not quantised. */
  readonly rounding: ScaleRoundingChoice | undefined;
  /** The same for what goes into stage 2. */
  readonly requantRounding: ScaleRoundingChoice | undefined;
}

/** Appends everything from x to y. */
export function addCallSteps(
  builder: MoePlanBuilder,
  moe: ResolvedMoe,
  kernels: MoeKernels,
  weights: LoadedNames,
  blockM: number,
): CallSteps {
  const { m, topk, experts, sizes } = moe;
  const { hidden, paddedHidden } = sizes;
  const decisions: Decision[] = [];
  builder.operand('call', bf16('x', [m, hidden]));
  builder.operand('call', { name: 'topk_ids', type: 'i32', layout: rowMajor([m, topk]) });
  builder.operand('call', { name: 'topk_weights', type: 'f32', layout: rowMajor([m, topk]) });
  const x = paddedHidden === hidden ? 'x' : 'x_padded';
  if (x !== 'x') {
    builder.step({
      kind: 'pad',
      when: 'call',
      params: { hidden: paddedHidden },
      inputs: { x: 'x' },
      makes: { x: bf16(x, [m, paddedHidden]) },
      reason: 'zeros on the right, as wide as the padded weights',
      upstream: 'SGLang F.pad in Mxfp4MoEMethod.apply; ATOM rms_norm with x_pad_to_multiple=256',
    });
  }
  const sorted = addSort(builder, moe, blockM);
  const quantised = addQuantise(builder, moe, kernels.fed, x, sorted);
  if (quantised.decision !== undefined) decisions.push(quantised.decision);

  const pads = decide(flydslPads, moe.aiter, { hasBias: moe.bias });
  const isFlydsl = kernels.kernel === 'flydsl' || kernels.kernel === 'flydsl-tuned';
  if (isFlydsl) decisions.push(pads);
  const routes = {
    topk_ids: 'topk_ids',
    sorted_ids: sorted.ids,
    sorted_expert_ids: sorted.experts,
    num_valid: sorted.valid,
  };
  const share = Math.min(experts, m * topk) / experts;
  const stage1 = addStage1(builder, moe, kernels, weights, {
    quantised,
    routes,
    share,
    pads: padsOf(moe, kernels, pads.choice),
  });
  const { requantised, decision } = addRequantise(builder, moe, kernels, stage1, sorted);
  if (decision !== undefined) decisions.push(decision);

  const y = paddedHidden === hidden ? 'y' : 'y_padded';
  builder.step({
    kind: 'stage2',
    when: 'call',
    params: { kernel: kernels.stage2, block_m: blockM },
    inputs: {
      ...requantised,
      w2: weights.w2,
      w2_scale: weights.w2_scale,
      ...(weights.w2_bias === undefined ? {} : { w2_bias: weights.w2_bias }),
      ...routes,
      sorted_weights: sorted.weights,
    },
    makes: { y: bf16(y, [m, paddedHidden]) },
    reads: shareOf(builder, weights, ['w2', 'w2_scale'], share),
    reason: 'down projection, bias, then the sum over the slots, weighted',
    upstream: kernels.stage2,
  });
  if (y !== 'y') {
    builder.step({
      kind: 'slice',
      when: 'call',
      params: { hidden },
      inputs: { y },
      makes: { y: bf16('y', [m, hidden]) },
      free: true,
      reason: 'the first H columns: a view',
    });
  }
  return { result: 'y', x, y, decisions, rounding: quantised.decision?.choice, requantRounding: decision?.choice };
}

interface Stage1Context {
  readonly quantised: Quantised;
  readonly routes: Readonly<Record<string, string>>;
  /** Part of the experts that can get a token. */
  readonly share: number;
  readonly pads: object;
}

/** Appends stage 1; gives what it leaves. */
function addStage1(
  builder: MoePlanBuilder,
  moe: ResolvedMoe,
  kernels: MoeKernels,
  weights: LoadedNames,
  context: Stage1Context,
): Readonly<Record<string, TensorSpec>> {
  const { m, topk, sizes, activation, swigluLimit } = moe;
  const shape = [m, topk, sizes.paddedInter];
  const fused = kernels.flydsl?.fusedQuant;
  // A kernel that quantises its result writes no bf16.
  const makes: Readonly<Record<string, TensorSpec>> =
    fused === undefined ? { h: bf16('h', shape) } : quantisedSpecs(fused, shape, sortedRows(builder));
  builder.step({
    kind: 'stage1',
    when: 'call',
    params: {
      kernel: kernels.stage1,
      activation,
      ...(swigluLimit === undefined ? {} : { swiglu_limit: swigluLimit }),
      ...context.pads,
    },
    inputs: {
      ...context.quantised.inputs,
      w13: weights.w13,
      w13_scale: weights.w13_scale,
      ...(weights.w13_bias === undefined ? {} : { w13_bias: weights.w13_bias }),
      ...context.routes,
    },
    makes,
    reads: shareOf(builder, weights, ['w13', 'w13_scale'], context.share),
    reason: `gate and up projections and ${activation}; w13 is read as ${kernels.expects}`,
    upstream: kernels.stage1,
  });
  return makes;
}

/** The pads that stage 1 is told, in its own terms. */
function padsOf({ sizes }: ResolvedMoe, { kernel }: MoeKernels, choice: 'exact' | 'zero'): object {
  const { hiddenPad, intermediatePad } = sizes;
  if (kernel.startsWith('cktile')) {
    const { stage1Rows, stage1Columns } = ckTilePads(sizes);
    return { n_pad_zeros: stage1Rows, k_pad_zeros: stage1Columns };
  }
  if (!kernel.startsWith('flydsl')) return {};
  return choice === 'zero'
    ? { hidden_pad: 0, intermediate_pad: 0 }
    : { hidden_pad: hiddenPad, intermediate_pad: intermediatePad };
}

/** Only experts with a token are read; this is the most that can have one. */
function shareOf(
  builder: MoePlanBuilder,
  weights: LoadedNames,
  names: readonly ('w13' | 'w13_scale' | 'w2' | 'w2_scale')[],
  share: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, Math.ceil(storageBytes(builder.spec(weights[name])) * share)]));
}
