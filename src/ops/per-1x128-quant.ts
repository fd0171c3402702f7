import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout, SCALE_STORES, type ScaleStore } from './shared/groups-output.ts';
import {
  FP8_FORMATS,
  type Fp8Format,
  GROUP_MATHS,
  type GroupMath,
  groupRule,
  requireChoice,
  requireCount,
} from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireColumnsMultipleOf, requireRows } from './shared/rows.ts';

const OP = 'per_1x128_quant';

export interface Per1x128QuantParams {
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** Default `torch`. */
  readonly math?: GroupMath;
  /** Elements that share a scale. Default 128. */
  readonly group?: number;
  /**
   * How the scales lie in memory. Default `row-major`; `transposed-view` is AITER's `transpose_scale=True`: what
   * preshuffled GEMMs read.
   */
  readonly scaleStore?: ScaleStore;
}

/**
 * Quantises activations to fp8 with one float32 scale for each 128 elements of a row.
 *
 * x [..., K] is f32, bf16 or f16, K a multiple of the group; y has its shape, scale is f32 [..., K / group], or
 * [rows, K / group] when transposed.
 */
export const per1x128Quant: OpDefinition<Per1x128QuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to fp8, one f32 scale for each 1x128 group',
  source: 'AITER aiter/ops/quant.py per_block_quant_wrapper, per_group_quant_hip',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format, group, scaleStore } = checked(params);
    const x = requireRows(OP, operands, 'x');
    requireColumnsMultipleOf(OP, x, group);
    const layout = groupScaleLayout(x, group, scaleStore);
    return {
      y: { name: 'y', type: format, layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'f32', layout, scaling: 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(per1x128Quant.plan(params, operands), per1x128Quantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function per1x128Quantisation(params: Per1x128QuantParams, operands: Operands<'x'>): Quantisation {
  const { format, group, math } = checked(params);
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, group),
    rule: groupRule(math, format),
    format,
    storeScales: asTheyAre,
  };
}

function checked(params: Per1x128QuantParams): Required<Per1x128QuantParams> {
  const format = requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS);
  const maths = format === 'e4m3fn' ? GROUP_MATHS : GROUP_MATHS.filter((name) => name !== 'sglang-cuda');
  return {
    format,
    math: requireChoice(OP, 'math', params.math ?? 'torch', maths),
    group: requireCount(OP, 'group', params.group ?? 128),
    scaleStore: requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', SCALE_STORES),
  };
}
