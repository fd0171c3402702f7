import { decodeArray, type NarrowFormatName } from '../formats/decode.ts';
import { elementBits } from '../formats/element-type.ts';
import { FLOAT_FORMATS } from '../formats/facts.ts';
import { unpackNibbles } from '../formats/pack.ts';
import { requireOperand, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asU16 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { requireChoice } from './shared/groups-rules.ts';

const OP = 'decode';

const NARROW = FLOAT_FORMATS.filter((name): name is NarrowFormatName => name !== 'f64' && name !== 'f32');

export interface DecodeParams {
  /** The format that x must have; a check, for callers that know it. Default: whatever x is. */
  readonly format?: NarrowFormatName;
}

/**
 * The float32 values of codes of any format of at most 16 bits; exact. Shape and layout stay. e8m0 byte 0 is 2^-127 (a
 * subnormal), 255 is NaN.
 */
export const decode: OpDefinition<DecodeParams, 'x', 'y'> = {
  name: OP,
  summary: 'float32 values of narrow codes',
  source: 'torch tensor.to(torch.float32); AITER aiter/utility/fp4_utils.py mxfp4_to_f32, e8m0_to_f32',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const x = requireOperand(OP, operands, 'x');
    if (params.format === undefined) requireType(OP, x, ...NARROW);
    else requireType(OP, x, requireChoice(OP, 'format', params.format, NARROW));
    return { y: { name: 'y', type: 'f32', layout: x.layout } };
  },
  reference(params, operands) {
    const { y } = decode.plan(params, operands);
    const { x } = operands;
    const values = decodeArray(x.type as NarrowFormatName, codesOf(x));
    return { y: tensor(y.name, y.type, y.layout, asBytes(values)) };
  },
};

function codesOf(x: Tensor): Uint8Array | Uint16Array {
  const bits = elementBits(x.type);
  if (bits === 4) return unpackNibbles(x.bytes, x.layout.storageSize);
  return bits === 16 ? asU16(x) : x.bytes;
}
