import { shuffleScale } from '../../layout/catalog.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';
import { type Decision, decide } from '../rule.ts';
import { moeScaleRounding, type ScaleRoundingChoice } from '../rules/moe-scale-rounding.ts';
import type { MoeActivationType } from './facts.ts';
import type { MoePlanBuilder } from './plan-builder.ts';
import type { MoeKernels } from './resolve.ts';
import type { ResolvedMoe } from './spec.ts';

/** Elements that share a scale. */
const BLOCK = 32;

export interface SortedNames {
  readonly ids: string;
  readonly weights: string;
  readonly experts: string;
  readonly valid: string;
  /** Rows, padding of every expert included. */
  readonly rows: number;
}

export function addSort(builder: MoePlanBuilder, { m, topk, experts }: ResolvedMoe, blockM: number): SortedNames {
  const rows = m * topk + experts * blockM - topk;
  const vector = (name: string, type: 'i32' | 'f32', size: number): TensorSpec => ({
    name,
    type,
    layout: rowMajor([size]),
  });
  builder.step({
    kind: 'sort',
    when: 'call',
    op: 'moe_sorting',
    params: { experts, block_m: blockM },
    inputs: { topk_ids: 'topk_ids', topk_weights: 'topk_weights' },
    makes: {
      sorted_ids: vector('sorted_ids', 'i32', rows),
      sorted_weights: vector('sorted_weights', 'f32', rows),
      sorted_expert_ids: vector('sorted_expert_ids', 'i32', Math.ceil(rows / blockM)),
      num_valid: vector('num_valid', 'i32', 2),
    },
    reason: `routes by expert, each expert padded to blocks of ${blockM}`,
    upstream: 'AITER moe_sorting_fwd',
  });
  return { ids: 'sorted_ids', weights: 'sorted_weights', experts: 'sorted_expert_ids', valid: 'num_valid', rows };
}

export interface Quantised {
  readonly inputs: Readonly<Record<string, string>>;
  readonly decision: Decision<ScaleRoundingChoice> | undefined;
}

export function addQuantise(
  builder: MoePlanBuilder,
  moe: ResolvedMoe,
  type: MoeActivationType,
  x: string,
  sorted: SortedNames,
): Quantised {
  if (type === 'bf16') return { inputs: { x }, decision: undefined };
  const { m, sizes } = moe;
  const format = type === 'fp8' ? 'fp8' : 'fp4';
  const decision = decide(moeScaleRounding, moe.aiter, { path: 'hip', format });
  builder.step({
    kind: 'quantise',
    when: 'call',
    op: type === 'fp8' ? 'mxfp8_quant' : 'mxfp4_quant',
    params: { mode: decision.choice },
    inputs: { x, sorted_ids: sorted.ids },
    makes: {
      y: { name: 'x_q', type: type === 'fp8' ? 'e4m3fn' : 'e2m1', layout: rowMajor([m, sizes.paddedHidden]) },
      scale: sortedScale('x_scale', sorted.rows, sizes.paddedHidden),
    },
    reason: 'codes stay in the order of the tokens; scales go where the sorted rows are read',
    upstream: `AITER fused_dynamic_mx${format}_quant_moe_sort`,
  });
  return { inputs: { x: 'x_q', x_scale: 'x_scale' }, decision };
}

/** Scales of sorted rows, as one matrix instruction's lanes hold them. */
function sortedScale(name: string, rows: number, columns: number): TensorSpec {
  return { name, type: 'e8m0', layout: shuffleScale([rows, columns / BLOCK]), scaling: 'e8m0' };
}

export function sortedRows(builder: MoePlanBuilder): number {
  return builder.spec('sorted_ids').layout.size;
}

export function quantisedSpecs(
  format: 'fp4' | 'fp8',
  shape: readonly number[],
  rows: number,
): Readonly<Record<string, TensorSpec>> {
  return {
    h: { name: 'h_q', type: format === 'fp8' ? 'e4m3fn' : 'e2m1', layout: rowMajor(shape) },
    h_scale: sortedScale('h_scale', rows, shape.at(-1) ?? 0),
  };
}

export function addRequantise(
  builder: MoePlanBuilder,
  moe: ResolvedMoe,
  kernels: MoeKernels,
  stage1: Readonly<Record<string, TensorSpec>>,
  sorted: SortedNames,
): {
  readonly requantised: Readonly<Record<string, string>>;
  readonly decision: Decision<ScaleRoundingChoice> | undefined;
} {
  const names = (specs: Readonly<Record<string, TensorSpec>>): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(specs).map(([key, { name }]) => [key, name]));
  if (kernels.requant === 'bf16') return { requantised: names(stage1), decision: undefined };
  const format = kernels.requant === 'fp8' ? 'fp8' : 'fp4';
  const isFused = kernels.flydsl?.fusedQuant !== undefined;
  const path = isFused ? 'flydsl-epilogue' : kernels.kernel === 'mxmoe' ? 'mxmoe' : 'hip';
  const decision = decide(moeScaleRounding, moe.aiter, { path, format });
  if (isFused) return { requantised: names(stage1), decision };
  const makes = quantisedSpecs(format, [moe.m, moe.topk, moe.sizes.paddedInter], sorted.rows);
  builder.step({
    kind: 'requantise',
    when: 'call',
    op: format === 'fp8' ? 'mxfp8_quant' : 'mxfp4_quant',
    params: { mode: decision.choice },
    inputs: { x: 'h', sorted_ids: sorted.ids },
    makes,
    reason: 'stage 2 multiplies what stage 1 was given',
    upstream: `AITER fused_dynamic_mx${format}_quant_moe_sort`,
  });
  return { requantised: names(makes), decision };
}

export function bf16(name: string, shape: readonly number[]): TensorSpec {
  return { name, type: 'bf16', layout: rowMajor(shape) };
}
