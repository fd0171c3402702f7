import { rowMajor } from '../layout/plain.ts';
import type { ScaleStore } from '../ops/shared/groups-output.ts';
import type { GroupMath } from '../ops/shared/groups-rules.ts';
import type { ScaleState } from './kernels.ts';
import { type ResolvedLinear, SCALE_GROUP } from './linear-spec.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { scaleStateLayout } from './scale-state.ts';

/** Names of a quantised activation and its scale in a plan, and of further results of the kernel that made them. */
export interface QuantisedActivation {
  readonly x: string;
  readonly scale: string;
  readonly extra: readonly string[];
}

const STORE: Readonly<Record<ScaleState, ScaleStore>> = {
  RM: 'row-major',
  CM: 'column-major',
  TV: 'transposed-view',
};

/** Appends what makes the block-scaled activation: an operand that arrives quantised, or a quantising kernel. */
export function addBlockActivation(
  builder: PlanBuilder,
  linear: ResolvedLinear,
  state: ScaleState,
  math: GroupMath,
): QuantisedActivation {
  const { m, k, groups, arch, dtype } = linear;
  const format = arch.fp8 ?? 'e4m3fn';
  if (linear.producer === 'given') {
    const scaleLayout = scaleStateLayout(state, [m, groups]);
    builder.operand('call', { name: 'x_q', type: format, layout: rowMajor([m, k]) });
    builder.operand('call', { name: 'x_scale', type: 'f32', layout: scaleLayout, scaling: 'f32' });
    return { x: 'x_q', scale: 'x_scale', extra: [] };
  }
  const scaleStore = STORE[state];
  const written = `scales written ${scaleStore}`;
  const outputs = { y: 'x_q', scale: 'x_scale' };
  const quantise = { kind: 'quantise', when: 'call' } as const;
  switch (linear.producer) {
    case 'linear':
      builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, k]) });
      builder.op('per_1x128_quant', { format, math, group: SCALE_GROUP, scaleStore }, { x: 'x' }, outputs, {
        ...quantise,
        reason: `one scale for each 1x128, ${written}`,
        upstream: math === 'hip' ? 'AITER per_group_quant_hip' : 'SGLang per_token_group_quant_fp8',
      });
      return { x: 'x_q', scale: 'x_scale', extra: [] };
    case 'rms-norm': {
      const extra = linear.residual ? ['residual_out'] : [];
      addNormOperands(builder, linear);
      builder.op(
        'fused_rms_fp8_group_quant',
        { eps: linear.eps, group: SCALE_GROUP, format, scaleStore },
        normInputs(linear),
        { ...outputs, ...(linear.residual ? { res_out: 'residual_out' } : {}) },
        {
          ...quantise,
          reason: `RMSNorm and quantisation in one kernel, ${written}`,
          upstream: 'AITER fused_rms_fp8_group_quant',
        },
      );
      return { x: 'x_q', scale: 'x_scale', extra };
    }
    case 'flatten': {
      const heads = k / linear.headSize;
      builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, heads, linear.headSize]) });
      builder.op('fused_flatten_fp8_group_quant', { group: SCALE_GROUP, format, scaleStore }, { x: 'x' }, outputs, {
        ...quantise,
        reason: `heads flattened and quantised in one kernel, ${written}`,
        upstream: 'AITER fused_flatten_fp8_group_quant',
      });
      return { x: 'x_q', scale: 'x_scale', extra: [] };
    }
    case 'silu-mul':
      builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, 2 * k]) });
      builder.op('act_mul_and_fp8_group_quant', { group: SCALE_GROUP, format, scaleStore }, { x: 'x' }, outputs, {
        ...quantise,
        reason: `SiLU, product and quantisation in one kernel, ${written}`,
        upstream: 'AITER act_mul_and_fp8_group_quant',
      });
      return { x: 'x_q', scale: 'x_scale', extra: [] };
  }
}

/** Declares x, norm_weight and, with a residual, residual. */
export function addNormOperands(builder: PlanBuilder, { m, k, dtype, residual }: ResolvedLinear): void {
  builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, k]) });
  builder.operand('load', { name: 'norm_weight', type: dtype, layout: rowMajor([k]) });
  if (residual) builder.operand('call', { name: 'residual', type: dtype, layout: rowMajor([m, k]) });
}

export function normInputs({ residual }: ResolvedLinear): Readonly<Record<string, string>> {
  return { x: 'x', w: 'norm_weight', ...(residual ? { r: 'residual' } : {}) };
}
