import { MX_SCALE_MODES, type MxScaleMode } from '../formats/mx-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout } from './shared/groups-output.ts';
import { mxRule, ROW_MATHS, type RowMath, requireChoice } from './shared/groups-rules.ts';
import { asE8m0, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireColumnsMultipleOf, requireRows } from './shared/rows.ts';

const OP = 'mxfp4_quant';

/** Elements that share a scale (OCP MX v1.0). */
const BLOCK = 32;

export interface Mxfp4QuantParams {
  /** How the scale is rounded to a power of two. Default `RoundUp`, AITER's. */
  readonly mode?: MxScaleMode;
  /** `torch` (default): a zero block has scale byte 0. `hip`: amax at least 1e-10, so byte 92 with RoundUp; NaNs do not count. */
  readonly math?: RowMath;
}

/**
 * Quantises x [..., K] (f32, bf16 or f16, K a multiple of 32) to MXFP4: y is e2m1 [..., K], two codes a byte, scale is
 * e8m0 [..., K / 32].
 */
export const mxfp4Quant: OpDefinition<Mxfp4QuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to fp4 (e2m1), one e8m0 scale for each 1x32 block',
  source: 'AITER aiter/ops/quant.py per_1x32_f4_quant, csrc/include/mx_quant_utils.h',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    checked(params);
    const x = requireRows(OP, operands, 'x');
    requireColumnsMultipleOf(OP, x, BLOCK);
    return {
      y: { name: 'y', type: 'e2m1', layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'e8m0', layout: groupScaleLayout(x, BLOCK, 'row-major'), scaling: 'e8m0' },
    };
  },
  reference(params, operands) {
    return quantise(mxfp4Quant.plan(params, operands), mxfp4Quantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function mxfp4Quantisation(params: Mxfp4QuantParams, operands: Operands<'x'>): Quantisation {
  const { mode, math } = checked(params);
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, BLOCK),
    rule: mxRule(math, 'e2m1', mode),
    format: 'e2m1',
    storeScales: asE8m0,
  };
}

function checked(params: Mxfp4QuantParams): { readonly mode: MxScaleMode; readonly math: RowMath } {
  return {
    mode: requireChoice(OP, 'mode', params.mode ?? 'RoundUp', MX_SCALE_MODES),
    math: requireChoice(OP, 'math', params.math ?? 'torch', ROW_MATHS),
  };
}
