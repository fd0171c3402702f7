import { ceilToUe8m0 as ceilOne } from '../formats/mx-scale.ts';
import { requireOperand, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';

const OP = 'ceil_to_ue8m0';

/**
 * Rounds float32 scales up to powers of two, kept in 2^-126 to 2^127. Any shape and layout, both of which y keeps. The
 * codes of the weights must be made with the rounded scale: rounding the scale alone makes them wrong by a factor of 1 to 2.
 */
export const ceilToUe8m0: OpDefinition<object, 'x', 'y'> = {
  name: OP,
  summary: 'f32 scales to the next power of two',
  source: 'DeepGEMM deep_gemm/utils/math.py ceil_to_ue8m0',
  inputs: ['x'],
  outputs: ['y'],
  plan(_params, operands) {
    const x = requireOperand(OP, operands, 'x');
    requireType(OP, x, 'f32');
    return { y: { name: 'y', type: 'f32', layout: x.layout, scaling: 'ue8m0-f32' } };
  },
  reference(params, operands) {
    const { y } = ceilToUe8m0.plan(params, operands);
    return { y: tensor(y.name, y.type, y.layout, asBytes(asF32(operands.x).map(ceilOne)), y.scaling) };
  },
};
