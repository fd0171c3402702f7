import { encodeArray } from '../../formats/encode.ts';
import { packNibbles } from '../../formats/pack.ts';
import type { Tensor, TensorSpec } from '../../tensor/tensor.ts';
import { type BlockGrid, type BlockRule, type CodeFormat, type QuantizedBlocks, quantizeBlocks } from './groups.ts';
import { storedAs } from './groups-output.ts';

/** What an op quantises and how, taken apart, so that a diagnosis can do one part of it otherwise. */
export interface Quantisation {
  /** float32 values of the matrix that becomes codes, row-major. */
  readonly values: Float32Array;
  readonly grid: BlockGrid;
  readonly rule: BlockRule;
  readonly format: CodeFormat;
  /** Elements of the scale tensor, row-major, from one scale a block. */
  storeScales(scales: Float32Array): ArrayBufferView;
}

/** The two outputs that every quantiser has. */
export interface QuantisedSpecs {
  readonly y: TensorSpec;
  readonly scale: TensorSpec;
}

/** Scales as float32. */
export function asTheyAre(scales: Float32Array): Float32Array {
  return scales;
}

/** Scales as exponent bytes. */
export function asE8m0(scales: Float32Array): Uint8Array {
  return encodeArray('e8m0', scales);
}

/** Quantises and stores. */
export function quantise(specs: QuantisedSpecs, given: Quantisation): { readonly y: Tensor; readonly scale: Tensor } {
  const { values, grid, rule, format } = given;
  return storeQuantised(specs, given, quantizeBlocks(values, grid, rule, format, CONVENTION));
}

/** Stores codes and scales as the outputs of an op. */
export function storeQuantised(
  { y, scale }: QuantisedSpecs,
  { format, storeScales }: Pick<Quantisation, 'format' | 'storeScales'>,
  { codes, scales }: QuantizedBlocks,
): { readonly y: Tensor; readonly scale: Tensor } {
  return {
    y: storedAs(y, format === 'e2m1' ? packNibbles(codes) : codes),
    scale: storedAs(scale, storeScales(scales)),
  };
}

/** AITER's e2m1 of NaN; fp8 codes are those of torch. */
const CONVENTION = { convention: 'aiter' } as const;
