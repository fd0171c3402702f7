import { OperandError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireScaling, requireType } from '../tensor/expect.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { storedAs } from './shared/groups-output.ts';
import { PACKED_SCALES, packScaleRows } from './shared/groups-packed-scale.ts';

const OP = 'pack_ue8m0_to_int';

/**
 * Packs float32 power-of-two scales x [..., G] into int32 y [..., ceil(G / 4)]: the exponent bytes of four neighbouring
 * groups, the first in the lowest byte, 0 where a row ends early.
 */
export const packUe8m0ToInt: OpDefinition<object, 'x', 'y'> = {
  name: OP,
  summary: 'four power-of-two f32 scales to one int32',
  source: 'DeepGEMM deep_gemm/utils/math.py pack_ue8m0_to_int',
  inputs: ['x'],
  outputs: ['y'],
  plan(_params, operands) {
    const x = requireOperand(OP, operands, 'x');
    requireType(OP, x, 'f32');
    // Scales of the plain f32 encoding are refused by value, not by label: a tensor of powers of two is fine.
    requireScaling(OP, x, 'ue8m0-f32', 'f32');
    const { shape } = x.layout;
    const groups = shape.at(-1) ?? 0;
    if (groups === 0 || x.layout.size === 0) {
      throw new OperandError(
        OP,
        x.name,
        `has shape [${shape.join(', ')}], expected at least one dimension and no empty one.`,
      );
    }
    requireLayout(OP, x, rowMajor(shape));
    const layout = rowMajor([...shape.slice(0, -1), Math.ceil(groups / PACKED_SCALES)]);
    return { y: { name: 'y', type: 'i32', layout, scaling: 'ue8m0-packed' } };
  },
  reference(params, operands) {
    const { y } = packUe8m0ToInt.plan(params, operands);
    const groups = operands.x.layout.shape.at(-1) ?? 1;
    return { y: storedAs(y, packScaleRows(OP, operands.x.name, asF32(operands.x), groups)) };
  },
};
