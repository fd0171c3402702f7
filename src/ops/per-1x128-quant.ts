import { scaleTransposedView } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition } from './op.ts';
import { type Fp8QuantParams, fp8Specs, planFp8, quantiseFp8, requireGroups } from './shared/fp8-quant.ts';
import { requireRows } from './shared/rows.ts';
import { placeScales } from './shared/scale-layout.ts';

export interface Per1x128QuantParams extends Fp8QuantParams {
  /** Return the scales in state TV (column-major bytes under row-major metadata), as `transpose_scale=True` does. */
  readonly transposeScale?: boolean;
}

/** Columns that share a scale. */
const GROUP = 128;

/** One scale for every 128 columns of a row. x [..., K] -> y [..., K] fp8, scale [..., K / 128] f32 ([M, G] when transposed). */
export const per1x128Quant: OpDefinition<Per1x128QuantParams, 'x', 'y' | 'scale'> = {
  name: 'per_1x128_quant',
  summary: 'fp8 quantisation with one scale for 128 columns',
  source: 'AITER aiter/ops/quant.py per_block_quant_wrapper((1, 128)), per_group_quant_hip',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const matrix = planFp8('per_1x128_quant', params, operands);
    requireGroups('per_1x128_quant', matrix, GROUP);
    const { x, rows, columns } = matrix;
    const layout =
      params.transposeScale === true
        ? scaleTransposedView([rows, columns / GROUP])
        : rowMajor([...x.layout.shape.slice(0, -1), columns / GROUP]);
    return fp8Specs(x, params.format, layout);
  },
  reference(params, operands) {
    const specs = per1x128Quant.plan(params, operands);
    const { rows, columns } = requireRows('per_1x128_quant', operands);
    const { codes, scales } = quantiseFp8(operands.x, { rows, columns, blockRows: 1, blockColumns: GROUP }, params, specs);
    return { y: codes, scale: placeScales(specs.scale, scales) };
  },
};
