import { MX_ELEMENTS, MX_SCALE_MODES, type MxElement, type MxScaleMode, mxScaleByte } from '../formats/mx-scale.ts';
import { requireOperand, requireType } from '../tensor/expect.ts';
import { tensor } from '../tensor/make.ts';
import type { OpDefinition } from './op.ts';
import { requireChoice } from './shared/groups-rules.ts';
import { FLOAT_SOURCES, floatValues } from './shared/rows.ts';

const OP = 'mx_scale';

export interface MxScaleParams {
  /** What the block will be quantised to. */
  readonly element: MxElement;
  readonly mode: MxScaleMode;
}

/** The e8m0 scale of blocks from their largest magnitudes x (f32, bf16 or f16, any shape and layout, both of which y keeps). */
export const mxScale: OpDefinition<MxScaleParams, 'x', 'y'> = {
  name: OP,
  summary: 'largest magnitudes of MX blocks to e8m0 scale bytes',
  source: 'AITER aiter/utility/fp4_utils.py f32_to_mx_e8m0_scale',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    requireChoice(OP, 'element', params.element, MX_ELEMENTS);
    requireChoice(OP, 'mode', params.mode, MX_SCALE_MODES);
    const x = requireOperand(OP, operands, 'x');
    requireType(OP, x, ...FLOAT_SOURCES);
    return { y: { name: 'y', type: 'e8m0', layout: x.layout, scaling: 'e8m0' } };
  },
  reference(params, operands) {
    const { y } = mxScale.plan(params, operands);
    const bytes = Uint8Array.from(floatValues(operands.x), (amax) => mxScaleByte(amax, params.element, params.mode));
    return { y: tensor(y.name, y.type, y.layout, bytes, y.scaling) };
  },
};
