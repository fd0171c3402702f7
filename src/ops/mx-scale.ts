import { ParameterError } from '../errors.ts';
import { MX_ELEMENTS, MX_SCALE_MODES, type MxElement, type MxScaleMode, mxScaleByte } from '../formats/mx-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireType } from '../tensor/expect.ts';
import { materialize } from '../tensor/make.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';

export interface MxScaleParams {
  readonly element: MxElement;
  readonly mode: MxScaleMode;
}

/** @throws ParameterError unless the mode is one of AITER's four */
export function requireMode(op: string, mode: MxScaleMode): void {
  if (!MX_SCALE_MODES.includes(mode)) throw new ParameterError(op, 'mode', `is "${mode}", expected one of ${MX_SCALE_MODES.join(', ')}.`);
}

/** The e8m0 scale byte of a block from its largest magnitude. x [...] f32 -> y [...] e8m0. */
export const mxScale: OpDefinition<MxScaleParams, 'x', 'y'> = {
  name: 'mx_scale',
  summary: 'e8m0 scale of a block from its amax',
  source: 'AITER aiter/utility/fp4_utils.py f32_to_mx_e8m0_scale; OCP MX v1.0',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const x = requireOperand('mx_scale', operands, 'x');
    requireType('mx_scale', x, 'f32');
    requireLayout('mx_scale', x, rowMajor(x.layout.shape));
    requireMode('mx_scale', params.mode);
    if (!MX_ELEMENTS.includes(params.element)) {
      throw new ParameterError('mx_scale', 'element', `is "${params.element}", expected one of ${MX_ELEMENTS.join(', ')}.`);
    }
    return { y: { name: 'y', type: 'e8m0', layout: rowMajor(x.layout.shape), scaling: 'e8m0' } };
  },
  reference(params, operands) {
    const { y } = mxScale.plan(params, operands);
    const bytes = Uint8Array.from(asF32(operands.x), (amax) => mxScaleByte(amax, params.element, params.mode));
    return { y: materialize(y, bytes) };
  },
};
