import { MX_SCALE_MODES, type MxScaleMode } from '../formats/mx-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout } from './shared/groups-output.ts';
import { FP8_FORMATS, type Fp8Format, mxRule, ROW_MATHS, type RowMath, requireChoice } from './shared/groups-rules.ts';
import { asE8m0, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireColumnsMultipleOf, requireRows } from './shared/rows.ts';

const OP = 'mxfp8_quant';

/** Elements that share a scale (OCP MX v1.0). */
const BLOCK = 32;

export interface Mxfp8QuantParams {
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** How the scale is rounded to a power of two. Default `RoundUp`, AITER's. */
  readonly mode?: MxScaleMode;
  /**
   * `torch` (default): a zero block has scale byte 0, an element beyond the format's range becomes NaN. `hip`: amax at
   * least 1e-10, so byte 85 with RoundUp; NaNs do not count in amax and become -max, elements are clamped.
   */
  readonly math?: RowMath;
}

/** Quantises x [..., K] (f32, bf16 or f16, K a multiple of 32) to MXFP8: y fp8 [..., K], scale e8m0 [..., K / 32]. */
export const mxfp8Quant: OpDefinition<Mxfp8QuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to fp8, one e8m0 scale for each 1x32 block',
  source: 'AITER aiter/ops/quant.py per_1x32_f8_scale_f8_quant, csrc/include/mx_quant_utils.h',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format } = checked(params);
    const x = requireRows(OP, operands, 'x');
    requireColumnsMultipleOf(OP, x, BLOCK);
    return {
      y: { name: 'y', type: format, layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'e8m0', layout: groupScaleLayout(x, BLOCK, 'row-major'), scaling: 'e8m0' },
    };
  },
  reference(params, operands) {
    return quantise(mxfp8Quant.plan(params, operands), mxfp8Quantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function mxfp8Quantisation(params: Mxfp8QuantParams, operands: Operands<'x'>): Quantisation {
  const { format, mode, math } = checked(params);
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, BLOCK),
    rule: mxRule(math, format, mode),
    format,
    storeScales: asE8m0,
  };
}

function checked(params: Mxfp8QuantParams): {
  readonly format: Fp8Format;
  readonly mode: MxScaleMode;
  readonly math: RowMath;
} {
  return {
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    mode: requireChoice(OP, 'mode', params.mode ?? 'RoundUp', MX_SCALE_MODES),
    math: requireChoice(OP, 'math', params.math ?? 'torch', ROW_MATHS),
  };
}
