import { normalizeToFnuz } from '../formats/normalize.ts';
import { requireOperand, requireScaling, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import { asF32, asU8 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';

const OP = 'normalize_e4m3fn_to_e4m3fnuz';

/**
 * Turns e4m3fn weights into e4m3fnuz weights for gfx942. The same byte is half the value there, so codes stay, but for -0 (the
 * NaN of e4m3fnuz), which becomes 0, and scales double.
 *
 * w is e4m3fn, scale f32; both of any shape and layout, which the outputs y (e4m3fnuz) and scale keep. The codes of NaN become
 * +-240, as in the source. A weight that is e4m3fnuz already is refused: a second doubling would go unnoticed.
 */
export const normalizeE4m3fnToE4m3fnuz: OpDefinition<object, 'w' | 'scale', 'y' | 'scale'> = {
  name: OP,
  summary: 'e4m3fn weights and their scales to e4m3fnuz',
  source: 'SGLang fp8_utils.py normalize_e4m3fn_to_e4m3fnuz',
  inputs: ['w', 'scale'],
  outputs: ['y', 'scale'],
  plan(_params, operands) {
    const w = requireOperand(OP, operands, 'w');
    const scale = requireOperand(OP, operands, 'scale');
    requireType(OP, w, 'e4m3fn');
    requireType(OP, scale, 'f32');
    requireScaling(OP, scale, 'f32', 'ue8m0-f32');
    return {
      y: { name: 'y', type: 'e4m3fnuz', layout: w.layout },
      scale: { name: 'scale', type: 'f32', layout: scale.layout, scaling: scale.scaling ?? 'f32' },
    };
  },
  reference(params, operands) {
    const { y, scale } = normalizeE4m3fnToE4m3fnuz.plan(params, operands);
    const { codes, scales } = normalizeToFnuz(asU8(operands.w), asF32(operands.scale));
    return {
      y: tensor(y.name, y.type, y.layout, codes),
      scale: tensor(scale.name, scale.type, scale.layout, asBytes(scales), scale.scaling),
    };
  },
};
