import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { FP8_FORMATS, type Fp8Format, ROW_MATHS, type RowMath, requireChoice, rowRule } from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'per_token_quant';

export interface PerTokenQuantParams {
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** `torch` (default): AITER's torch reference. `hip`: its kernel; a zero row then gets scale 0 and codes of -max. */
  readonly math?: RowMath;
}

/** Quantises each row of x [..., K] (f32, bf16 or f16) to fp8. scale is f32 [..., 1]. */
export const perTokenQuant: OpDefinition<PerTokenQuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to fp8, one f32 scale for each token',
  source: 'AITER aiter/ops/quant.py pertoken_quant, per_token_quant_hip',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format } = checked(params);
    const { tensor: x } = requireRows(OP, operands, 'x');
    const { shape } = x.layout;
    return {
      y: { name: 'y', type: format, layout: rowMajor(shape) },
      scale: { name: 'scale', type: 'f32', layout: rowMajor([...shape.slice(0, -1), 1]), scaling: 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(perTokenQuant.plan(params, operands), perTokenQuantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function perTokenQuantisation(params: PerTokenQuantParams, operands: Operands<'x'>): Quantisation {
  const { format, math } = checked(params);
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, columns),
    rule: rowRule(math, format, columns),
    format,
    storeScales: asTheyAre,
  };
}

function checked(params: PerTokenQuantParams): { readonly format: Fp8Format; readonly math: RowMath } {
  return {
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    math: requireChoice(OP, 'math', params.math ?? 'torch', ROW_MATHS),
  };
}
