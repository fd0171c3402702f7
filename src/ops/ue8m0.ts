import { OperandError } from '../errors.ts';
import { ceilToUe8m0, packUe8m0 } from '../formats/mx-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireType } from '../tensor/expect.ts';
import { asBytes, materialize } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';

function requireScales(op: string, operands: Readonly<Record<string, Tensor | undefined>>): Tensor {
  const x = requireOperand(op, operands, 'x');
  requireType(op, x, 'f32');
  requireLayout(op, x, rowMajor(x.layout.shape));
  return x;
}

/** The smallest power of two not below the magnitude, exponent kept in 1..254. x [...] f32 -> y [...] f32. */
export const ceilToUe8m0Op: OpDefinition<object, 'x', 'y'> = {
  name: 'ceil_to_ue8m0',
  summary: 'round scales up to powers of two',
  source: 'DeepGEMM deep_gemm/utils/math.py ceil_to_ue8m0',
  inputs: ['x'],
  outputs: ['y'],
  plan(_params, operands) {
    const x = requireScales('ceil_to_ue8m0', operands);
    return { y: { name: 'y', type: 'f32', layout: rowMajor(x.layout.shape), scaling: 'ue8m0-f32' } };
  },
  reference(params, operands) {
    const { y } = ceilToUe8m0Op.plan(params, operands);
    return { y: materialize(y, asBytes(asF32(operands.x).map(ceilToUe8m0))) };
  },
};

/**
 * Exponent bytes of four neighbouring scales in an int32, the first in the lowest byte. x [..., 4 P] f32 powers of two -> y [..., P] i32.
 * @throws OperandError when the last dimension is no multiple of 4; ParameterError for a scale that is no power of two
 */
export const packUe8m0Op: OpDefinition<object, 'x', 'y'> = {
  name: 'pack_ue8m0_to_int',
  summary: 'pack four UE8M0 exponents into an int32',
  source: 'DeepGEMM deep_gemm/utils/math.py pack_ue8m0_to_int',
  inputs: ['x'],
  outputs: ['y'],
  plan(_params, operands) {
    const x = requireScales('pack_ue8m0_to_int', operands);
    const columns = x.layout.shape.at(-1) ?? 0;
    if (columns % 4 !== 0) {
      throw new OperandError('pack_ue8m0_to_int', x.name, `has ${columns} scales a row, expected a multiple of 4. Pad the row with 0.`);
    }
    const shape = x.layout.shape.map((size, axis, all) => (axis === all.length - 1 ? size / 4 : size));
    return { y: { name: 'y', type: 'i32', layout: rowMajor(shape), scaling: 'ue8m0-packed' } };
  },
  reference(params, operands) {
    const { y } = packUe8m0Op.plan(params, operands);
    return { y: materialize(y, asBytes(packUe8m0(asF32(operands.x)))) };
  },
};
