import { ParameterError } from '../errors.ts';
import { decode } from '../formats/decode.ts';
import { encode } from '../formats/encode.ts';
import { scaleColumnMajor } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireRank, requireType } from '../tensor/expect.ts';
import { materialize } from '../tensor/make.ts';
import type { OpDefinition } from './op.ts';
import { realValues } from './shared/rows.ts';
import { placeScales } from './shared/scale-layout.ts';
import { TRITON_AMAX_FLOOR, tritonGroupQuant } from './shared/triton-group-quant.ts';

export interface FusedFlattenQuantParams {
  /** Columns that share a scale. Default 128. */
  readonly group?: number;
  /** Return the scales column-major with honest strides (CM), as `transpose_scale=True` does here. */
  readonly transposeScale?: boolean;
}

const OP = 'fused_flatten_fp8_group_quant';

/** Flattens heads and quantises. x [M, N1, N2] bf16 or f16 -> y [M, N1 N2] e4m3fn, scale [M, N1 N2 / group] f32. */
export const fusedFlattenQuant: OpDefinition<FusedFlattenQuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'flatten the last two dimensions and quantise groups to fp8',
  source: 'AITER aiter/ops/triton/quant/fused_fp8_quant.py fused_flatten_fp8_group_quant',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const x = requireOperand(OP, operands, 'x');
    requireType(OP, x, 'bf16', 'f16');
    requireRank(OP, x, 3, 3, 'tokens x heads x head size');
    requireLayout(OP, x, rowMajor(x.layout.shape));
    const [tokens = 0, heads = 0, size = 0] = x.layout.shape;
    const group = params.group ?? 128;
    if (!Number.isSafeInteger(group) || group < 1 || size % group !== 0) {
      throw new ParameterError(OP, 'group', `is ${group}, expected a divisor of the last dimension ${size}; groups restart at every head.`);
    }
    const scales = [tokens, (heads * size) / group];
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor([tokens, heads * size]) },
      scale: { name: 'scale', type: 'f32', layout: params.transposeScale === true ? scaleColumnMajor(scales) : rowMajor(scales), scaling: 'f32' },
    };
  },
  reference(params, operands) {
    const specs = fusedFlattenQuant.plan(params, operands);
    const { x } = operands;
    const [rows = 0, columns = 0] = specs.y.layout.shape;
    // The kernel computes the amax in the type of x, so its floor is rounded to that type.
    const type = x.type === 'f16' ? 'f16' : 'bf16';
    const floor = decode(type, encode(type, TRITON_AMAX_FLOOR));
    const blocks = { rows, columns, blockRows: 1, blockColumns: params.group ?? 128 };
    const { codes, scales } = tritonGroupQuant(realValues(x), blocks, floor);
    return { y: materialize(specs.y, codes), scale: placeScales(specs.scale, scales) };
  },
};
