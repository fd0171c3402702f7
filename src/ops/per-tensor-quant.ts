import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { FP8_FORMATS, type Fp8Format, ROW_MATHS, type RowMath, requireChoice, rowRule } from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'per_tensor_quant';

export interface PerTensorQuantParams {
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** `torch` (default): AITER's torch reference. `hip`: its dynamic kernel. */
  readonly math?: RowMath;
}

/** Quantises x (f32, bf16 or f16, any shape) to fp8 with one scale, f32 [1]. */
export const perTensorQuant: OpDefinition<PerTensorQuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'a tensor to fp8 with a single f32 scale',
  source: 'AITER aiter/ops/quant.py per_tensor_quant, per_tensor_quant_hip',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format } = checked(params);
    const { tensor: x } = requireRows(OP, operands, 'x');
    return {
      y: { name: 'y', type: format, layout: rowMajor(x.layout.shape) },
      scale: { name: 'scale', type: 'f32', layout: rowMajor([1]), scaling: 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(perTensorQuant.plan(params, operands), perTensorQuantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function perTensorQuantisation(params: PerTensorQuantParams, operands: Operands<'x'>): Quantisation {
  const { format, math } = checked(params);
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: { rows, columns, blockRows: rows, blockColumns: columns },
    rule: rowRule(math, format),
    format,
    storeScales: asTheyAre,
  };
}

function checked(params: PerTensorQuantParams): { readonly format: Fp8Format; readonly math: RowMath } {
  return {
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    math: requireChoice(OP, 'math', params.math ?? 'torch', ROW_MATHS),
  };
}
