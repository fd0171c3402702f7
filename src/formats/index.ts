/**
 * Number formats of quantised inference: decode tables, rounding encoders, facts and scale rules. No dependencies, no
 * Node modules.
 *
 * @example
 * ```ts
 * import { decodeArray, encodeArray, formatFacts } from 'preshuffle/formats';
 * const codes = encodeArray('e4m3fn', Float32Array.of(1, 465, -0.3)); // 38 7f aa
 * const values = decodeArray('e4m3fn', codes); // 1, NaN, -0.3125
 * formatFacts('e4m3fn').max; // 448
 * ```
 */
export { decode, decodeArray, decodeTable, type NarrowFormatName } from './decode.ts';
export {
  type CodeArray,
  E8M0_NAN,
  type EncodeArrayOptions,
  type EncodeConvention,
  type EncodeOptions,
  encode,
  encodeArray,
} from './encode.ts';
export { f32Bits, f32FromBits, fmaf32, nextDownF32, nextUpF32, ulpF32 } from './f32.ts';
export { FLOAT_FORMATS, type FloatFormatName, type FormatFacts, formatFacts, isFloatFormat } from './facts.ts';
export {
  ceilToUe8m0,
  e8m0ToF32,
  MX_ELEMENTS,
  MX_SCALE_MODES,
  type MxElement,
  type MxScaleMode,
  mxScaleByte,
  packUe8m0,
  unpackUe8m0,
} from './mx-scale.ts';
export { type FnuzWeights, normalizeToFnuz } from './normalize.ts';
export { packNibbles, packSixBit, unpackNibbles, unpackSixBit } from './pack.ts';
