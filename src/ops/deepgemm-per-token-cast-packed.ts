import { rowMajor } from '../layout/plain.ts';
import { DEEPGEMM_GROUP, perTokenCastQuantisation } from './deepgemm-per-token-cast.ts';
import type { OpDefinition, Operands } from './op.ts';
import { blocksAcross } from './shared/groups.ts';
import { groupScaleLayout } from './shared/groups-output.ts';
import { PACKED_SCALES, packScaleRows } from './shared/groups-packed-scale.ts';
import { type Quantisation, quantise } from './shared/quantisation.ts';
import { requireRows } from './shared/rows.ts';

const OP = 'deepgemm_per_token_cast_packed';

/**
 * `deepgemm_per_token_cast` with power-of-two scales packed along K: scale is i32 [..., ceil(ceil(K / 128) / 4)], row-major,
 * four exponent bytes each, the first group in the lowest byte. Read as float32 they are finite nonsense.
 */
export const deepgemmPerTokenCastPacked: OpDefinition<object, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to e4m3fn, four power-of-two scales an int32',
  source: 'DeepGEMM deep_gemm/utils/math.py per_token_cast_to_fp8(use_packed_ue8m0=True)',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(_params, operands) {
    const x = requireRows(OP, operands, 'x');
    const layout = groupScaleLayout(x, DEEPGEMM_GROUP * PACKED_SCALES, 'row-major');
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'i32', layout, scaling: 'ue8m0-packed' },
    };
  },
  reference(params, operands) {
    return quantise(
      deepgemmPerTokenCastPacked.plan(params, operands),
      perTokenCastPackedQuantisation(params, operands),
    );
  },
};

/** The parts of a call that `plan` has checked. */
export function perTokenCastPackedQuantisation(_params: object, operands: Operands<'x'>): Quantisation {
  const parts = perTokenCastQuantisation({ ue8m0: true }, operands);
  return { ...parts, storeScales: (scales) => packScaleRows(OP, 'scale', scales, blocksAcross(parts.grid)) };
}
