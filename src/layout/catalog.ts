export {
  scaleColumnMajor,
  scalePackedUe8m0,
  scaleRowMajor,
  scaleTmaAligned,
  scaleTransposedView,
} from './activation-scale.ts';
export {
  type CatalogEntry,
  type CatalogParams,
  catalog,
  checkShape,
  type LayoutWarning,
  type ShapeVerdict,
} from './catalog-entries.ts';
export { gateUpInterleaved } from './gate-up.ts';
export {
  moeShuffleWeightGfx1250,
  shuffleMxfp8fp4A,
  shuffleMxfp8fp4B,
  shuffleMxfp8fp4Scale,
  shuffleWeightGfx1250,
} from './gfx1250.ts';
export { columnMajor, rowMajor } from './plain.ts';
export {
  type GroupedScaleOptions,
  type ShuffleScaleGuinterleaveId,
  type ShuffleScaleN32K4Id,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleScaleN32K4,
} from './scales.ts';
export {
  gateUpSplitTwice,
  type ShuffledCheckpointId,
  type SplitTwiceId,
  shuffledCheckpoint,
  type W13ScaleFaultId,
  type W13ScaleFaultOptions,
  type W13Shuffle,
  w13ScaleFault,
} from './w13-faults.ts';
export {
  type GuinterleaveId,
  type GuinterleaveOptions,
  type ShuffleWeightId,
  type ShuffleWeightNKOptions,
  type ShuffleWeightOptions,
  shuffleWeight,
  shuffleWeightGuinterleave,
  shuffleWeightNK,
} from './weights.ts';
