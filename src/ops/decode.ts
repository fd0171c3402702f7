import { decodeArray } from '../formats/decode.ts';
import { unpackNibbles } from '../formats/pack.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireType } from '../tensor/expect.ts';
import { asBytes, materialize } from '../tensor/make.ts';
import { asU16 } from '../tensor/views.ts';
import type { EncodableFormat } from './encode.ts';
import type { OpDefinition } from './op.ts';

export const DECODABLE_FORMATS: readonly EncodableFormat[] = [
  'f16',
  'bf16',
  'e4m3fn',
  'e4m3fnuz',
  'e5m2',
  'e5m2fnuz',
  'e8m0',
  'e2m1',
  'e2m3',
  'e3m2',
];

/** The value of every code, exactly. x [...] in any format of at most 16 bits -> y [...] f32. */
export const decodeOp: OpDefinition<object, 'x', 'y'> = {
  name: 'decode',
  summary: 'values of number codes',
  source: 'torch Tensor.to(torch.float32)',
  inputs: ['x'],
  outputs: ['y'],
  plan(_params, operands) {
    const x = requireOperand('decode', operands, 'x');
    requireType('decode', x, ...DECODABLE_FORMATS);
    requireLayout('decode', x, rowMajor(x.layout.shape));
    return { y: { name: 'y', type: 'f32', layout: rowMajor(x.layout.shape) } };
  },
  reference(params, operands) {
    const { y } = decodeOp.plan(params, operands);
    const { x } = operands;
    const type = requireType('decode', x, ...DECODABLE_FORMATS);
    const codes = type === 'e2m1' ? unpackNibbles(x.bytes, x.layout.size) : type === 'f16' || type === 'bf16' ? asU16(x) : x.bytes;
    return { y: materialize(y, asBytes(decodeArray(type, codes))) };
  },
};
