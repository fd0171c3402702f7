import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout } from './shared/groups-output.ts';
import { deepgemmRule } from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'deepgemm_per_token_cast';

/** Elements of a row that share a scale. */
export const DEEPGEMM_GROUP = 128;

export interface DeepgemmCastParams {
  /** Round scales up to powers of two, as the Blackwell kernels need them. Default false. */
  readonly ue8m0?: boolean;
}

/**
 * Quantises x [..., K] (f32, bf16 or f16) to e4m3fn as DeepGEMM does: scales are f32 [..., ceil(K / 128)], amax is at
 * least 1e-4, elements are multiplied by 1 / scale. A last group of a row that is shorter counts as padded with zeros.
 */
export const deepgemmPerTokenCast: OpDefinition<DeepgemmCastParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to e4m3fn, one f32 or power-of-two scale for each 1x128 group',
  source: 'DeepGEMM deep_gemm/utils/math.py per_token_cast_to_fp8',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const x = requireRows(OP, operands, 'x');
    const layout = groupScaleLayout(x, DEEPGEMM_GROUP, 'row-major');
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'f32', layout, scaling: params.ue8m0 === true ? 'ue8m0-f32' : 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(deepgemmPerTokenCast.plan(params, operands), perTokenCastQuantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function perTokenCastQuantisation(params: DeepgemmCastParams, operands: Operands<'x'>): Quantisation {
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, DEEPGEMM_GROUP),
    rule: deepgemmRule(params.ue8m0 === true),
    format: 'e4m3fn',
    storeScales: asTheyAre,
  };
}
