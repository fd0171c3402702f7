import { OperandError } from '../errors.ts';
import { unpackUe8m0 } from '../formats/mx-scale.ts';
import { scaleTmaAligned } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireRank, requireScaling, requireType } from '../tensor/expect.ts';
import { toRowMajor } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asI32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import type { PackedScaleSizes } from './pack-ue8m0-mn-major.ts';
import { storedAs } from './shared/groups-output.ts';
import { PACKED_SCALES } from './shared/groups-packed-scale.ts';
import { requireCount } from './shared/groups-rules.ts';

const OP = 'unpack_ue8m0_scale';

export interface UnpackUe8m0ScaleParams {
  /** Groups along K: an int32 at the end of a row may hold fewer than four. */
  readonly groups: number;
  /** Rows that share a scale: 128 takes rows 0, 128, … of a weight scale that was repeated for every row. Default 1. */
  readonly granMn?: number;
}

/**
 * The float32 scales that `pack_ue8m0_mn_major` packed: x int32 [mn, ceil(G / 4)] or [batch, mn, …], MN-major, gives y f32
 * [ceil(mn / granMn), G], row-major. An exponent byte b becomes the float32 with that exponent field: 2^(b - 127), 0 for 0.
 */
export const unpackUe8m0Scale: OpDefinition<UnpackUe8m0ScaleParams, 'x', 'y'> = {
  name: OP,
  summary: 'packed MN-major power-of-two scales back to f32',
  source: 'SGLang fp8_utils.py _unpack_ue8m0_scale_for_triton, inverse_transform_scale_ue8m0',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const x = requireOperand(OP, operands, 'x');
    const { rows, groups } = unpackedScaleSizes(params, x);
    const shape = [...x.layout.shape.slice(0, -2), rows, groups];
    return { y: { name: 'y', type: 'f32', layout: rowMajor(shape), scaling: 'ue8m0-f32' } };
  },
  reference(params, operands) {
    const { y } = unpackUe8m0Scale.plan(params, operands);
    const { batch, mn, granMn, rows, groups, words } = unpackedScaleSizes(params, operands.x);
    const values = unpackUe8m0(asI32(toRowMajor(operands.x)));
    const out = new Float32Array(batch * rows * groups);
    for (let index = 0; index < batch * rows; index += 1) {
      const [expert, row] = [Math.floor(index / rows), index % rows];
      const from = (expert * mn + row * granMn) * words * PACKED_SCALES;
      out.set(values.subarray(from, from + groups), index * groups);
    }
    return { y: storedAs(y, out) };
  },
};

/** @throws OperandError, ParameterError, LayoutMismatchError */
export function unpackedScaleSizes(params: UnpackUe8m0ScaleParams, x: Tensor): PackedScaleSizes {
  requireType(OP, x, 'i32');
  requireScaling(OP, x, 'ue8m0-packed');
  requireRank(OP, x, 2, 3, 'rows, int32 columns; or experts, rows, int32 columns');
  const { shape } = x.layout;
  if (x.layout.size === 0)
    throw new OperandError(OP, x.name, `has shape [${shape.join(', ')}], expected no empty dimension.`);
  requireLayout(OP, x, scaleTmaAligned(shape));
  const [mn = 1, words = 1] = shape.slice(-2);
  const groups = requireCount(OP, 'groups', params.groups);
  const granMn = requireCount(OP, 'granMn', params.granMn ?? 1);
  if (Math.ceil(groups / PACKED_SCALES) !== words) {
    throw new OperandError(
      OP,
      x.name,
      `has shape [${shape.join(', ')}], but ${groups} groups take ${Math.ceil(groups / PACKED_SCALES)} int32 columns. ` +
        'Give the number of groups along K, ceil(K / 128).',
    );
  }
  return { batch: x.layout.size / (mn * words), mn, granMn, rows: Math.ceil(mn / granMn), groups, words };
}
