import { type EncodeConvention, encodeArray } from '../formats/encode.ts';
import { FLOAT_FORMATS, type FloatFormatName } from '../formats/facts.ts';
import { packNibbles } from '../formats/pack.ts';
import { requireOperand, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32, asF64, asU16 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { requireChoice } from './shared/groups-rules.ts';

const OP = 'encode';

/** Formats that `encode` writes. */
export type EncodeTarget = Exclude<FloatFormatName, 'f64'>;

const TARGETS = FLOAT_FORMATS.filter((name): name is EncodeTarget => name !== 'f64');
const CONVENTIONS: readonly EncodeConvention[] = ['torch', 'ocp', 'aiter', 'ml_dtypes'];

export interface EncodeParams {
  readonly format: EncodeTarget;
  /** Clamp to the largest finite magnitude first; NaN stays NaN. Default false. */
  readonly saturate?: boolean;
  /** Whose codes NaN, overflow and e8m0 rounding give. Default `torch`. */
  readonly convention?: EncodeConvention;
}

/**
 * Converts f64, f32, bf16 or f16 to another format, each element with one rounding to nearest even. Shape and layout
 * stay, because the conversion is elementwise: it commutes with every shuffle. e2m1 codes are packed two a byte.
 */
export const encode: OpDefinition<EncodeParams, 'x', 'y'> = {
  name: OP,
  summary: 'convert floats to a narrower format',
  source: 'torch tensor.to(dtype); AITER aiter/utility/fp4_utils.py f32_to_mxfp4; ml_dtypes',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const format = requireChoice(OP, 'format', params.format, TARGETS);
    requireChoice(OP, 'convention', params.convention ?? 'torch', CONVENTIONS);
    const x = requireOperand(OP, operands, 'x');
    requireType(OP, x, 'f32', 'bf16', 'f16', 'f64');
    return { y: { name: 'y', type: format, layout: x.layout } };
  },
  reference(params, operands) {
    const { y } = encode.plan(params, operands);
    const codes = encoded(params, operands.x);
    const bytes = y.type === 'e2m1' ? packed(codes as Uint8Array) : asBytes(codes);
    return { y: tensor(y.name, y.type, y.layout, bytes) };
  },
};

function encoded({ format, saturate, convention }: EncodeParams, x: Tensor): Uint8Array | Uint16Array | Uint32Array {
  const options = { saturate: saturate ?? false, convention: convention ?? 'torch' } as const;
  if (x.type === 'f64') return encodeArray(format, asF64(x), options);
  if (x.type === 'f32') return encodeArray(format, asF32(x), options);
  return encodeArray(format, asU16(x), { ...options, from: x.type === 'bf16' ? 'bf16' : 'f16' });
}

/** The nibble after an odd last element is 0. */
function packed(codes: Uint8Array): Uint8Array {
  if (codes.length % 2 === 0) return packNibbles(codes);
  const even = new Uint8Array(codes.length + 1);
  even.set(codes);
  return packNibbles(even);
}
