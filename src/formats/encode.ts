export type { EncodeConvention, EncodeOptions } from './convention.ts';
export { type CodeArray, type EncodeArrayOptions, encodeArray } from './encode-array.ts';
export { E8M0_NAN } from './encode-e8m0.ts';
export { encode } from './encode-number.ts';
