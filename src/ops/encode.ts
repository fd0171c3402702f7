import { type EncodeConvention, encodeArray } from '../formats/encode.ts';
import { type FloatFormatName, formatFacts } from '../formats/facts.ts';
import { packNibbles } from '../formats/pack.ts';
import { ParameterError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes, materialize } from '../tensor/make.ts';
import { asF32, asU16 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { requireRows } from './shared/rows.ts';

/** Formats that `encode` produces. */
export type EncodableFormat = Exclude<FloatFormatName, 'f32' | 'f64'>;

export interface EncodeParams {
  readonly format: EncodableFormat;
  /** Clamp to the largest finite magnitude first; NaN stays NaN. Default false. */
  readonly saturate?: boolean;
  readonly convention?: EncodeConvention;
  /** e2m1 only: one code a byte instead of two; the result is then of type u8. Default false. */
  readonly unpacked?: boolean;
}

/** Rounds every element to the nearest code, ties to even. x [...] f32, bf16 or f16 -> y [...]. */
export const encodeOp: OpDefinition<EncodeParams, 'x', 'y'> = {
  name: 'encode',
  summary: 'round to a number format',
  source: 'torch Tensor.to(dtype); AITER f32_to_mxfp4 for e2m1',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const { x } = requireRows('encode', operands);
    const { format, unpacked = false } = params;
    const facts: { readonly codeBits: number } | undefined = formatFacts(format);
    if (facts === undefined || facts.codeBits > 16) {
      throw new ParameterError('encode', 'format', `is "${format}", expected a format of at most 16 bits, e.g. e4m3fn, bf16 or e2m1.`);
    }
    if (format === 'e2m1' && !unpacked && x.layout.size % 2 !== 0) {
      throw new ParameterError('encode', 'unpacked', `is false, but ${x.layout.size} e2m1 codes do not fill whole bytes; pad x or set unpacked.`);
    }
    const type = format === 'e2m1' && unpacked ? 'u8' : format;
    return { y: { name: 'y', type, layout: rowMajor(x.layout.shape) } };
  },
  reference(params, operands) {
    const { y } = encodeOp.plan(params, operands);
    const { x } = operands;
    const { format, saturate = false, convention = 'torch' } = params;
    const codes =
      x.type === 'f32'
        ? encodeArray(format, asF32(x), { saturate, convention })
        : encodeArray(format, asU16(x), { saturate, convention, from: x.type === 'f16' ? 'f16' : 'bf16' });
    const bytes = y.type === 'e2m1' ? packNibbles(codes as Uint8Array) : asBytes(codes);
    return { y: materialize(y, bytes) };
  },
};
