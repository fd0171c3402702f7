/**
 * Layouts as data: where each logical element of a quantised weight, scale or activation lies in memory.
 *
 * @example
 * ```ts
 * import { describeLocation, locate, permute, rowMajor, shuffleWeight } from 'preshuffle/layout';
 * const layout = shuffleWeight([4096, 7168], { bits: 8 });
 * const shuffled = permute(bytes, rowMajor([4096, 7168]), layout, 8);
 * describeLocation(layout, locate(layout, [17, 40], 8));
 * ```
 */

export { codeReader } from '../formats/read-codes.ts';
export { axisOffset, axisOffsets } from './axis-offsets.ts';
export * from './catalog.ts';
export { layoutFunctionsWgsl } from './codegen/wgsl.ts';
export { axisIndexAt } from './dim.ts';
export type { GuessCandidate, GuessRole, RejectedCandidate } from './guess-candidates.ts';
export { guessLayout, guessLayoutSteps } from './guess-layout.ts';
export type { GuessInput, GuessResult, LayoutGuess } from './guess-types.ts';
export { identifyLayout } from './identify.ts';
export type {
  Ambiguity,
  Contradiction,
  IdentifyDifference,
  IdentifyHow,
  IdentifyInput,
  IdentifyMatch,
  IdentifyResult,
  IdentifyStep,
  Inference,
  NearMatch,
  PaddingCode,
} from './identify-types.ts';
export { Layout, type LayoutDim, type LayoutFactor, type LayoutInit, LayoutRangeError } from './layout.ts';
export { describeLocation, type Location, locate, locateByte } from './locate.ts';
export {
  applicationOrder,
  compose,
  contiguousRun,
  invert,
  type OffsetMapping,
  readAs,
  relayoutAsLayout,
  relayoutMapping,
  unravel,
} from './mapping.ts';
export {
  elementAt,
  MFMA_MAPS,
  type MfmaEvidence,
  type MfmaInstruction,
  type MfmaMap,
  type MfmaOperand,
  mfmaMap,
  type RegisterPlace,
  registerOf,
} from './mfma.ts';
export { type MfmaTile, type MfmaWeightSizes, type ScaleLoad, scaleLoad, weightLoadByte } from './mfma-loads.ts';
export {
  type BindOptions,
  bindPattern,
  type LayoutPattern,
  NotationError,
  type PatternDim,
  parseLayout,
  parsePattern,
  ShapeRejectedError,
} from './notation.ts';
export { type PermuteOptions, permute } from './permute.ts';
export { correctlyRead } from './read-count.ts';
export { type DigitPlace, type ReadDigit, readDigits } from './read-digits.ts';
export {
  type LoadBytes,
  loadRegisters,
  mfmaRegisters,
  type RegisterMap,
  WAVE_LANES,
  type WavePlace,
} from './register-map.ts';
export { type TorchLinesOptions, torchLines } from './torch-lines.ts';
export {
  describeW13,
  describeW13Scale,
  W13_STATES,
  type W13LayoutId,
  type W13State,
  w13Layout,
  w13ScaleLayout,
  w13ScaleStatesOf,
  w13StatesOf,
} from './w13.ts';
