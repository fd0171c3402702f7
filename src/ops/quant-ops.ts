export { type ActMulFp8GroupQuantParams, actMulAndFp8GroupQuant } from './act-mul-and-fp8-group-quant.ts';
export {
  type AddRmsnormQuantParams,
  addRmsnormQuant,
  type NormScaleStore,
  type NormScaleType,
} from './add-rmsnorm-quant.ts';
export { ceilToUe8m0 } from './ceil-to-ue8m0.ts';
export { type DecodeParams, decode } from './decode.ts';
export { deepgemmPerBlockCast } from './deepgemm-per-block-cast.ts';
export { type DeepgemmCastParams, deepgemmPerTokenCast } from './deepgemm-per-token-cast.ts';
export { deepgemmPerTokenCastPacked } from './deepgemm-per-token-cast-packed.ts';
export { type DynamicMxfp4QuantParams, dynamicMxfp4Quant } from './dynamic-mxfp4-quant.ts';
export { type EncodeParams, encode } from './encode.ts';
export { type FusedFlattenFp8GroupQuantParams, fusedFlattenFp8GroupQuant } from './fused-flatten-fp8-group-quant.ts';
export { type FusedRmsFp8GroupQuantParams, fusedRmsFp8GroupQuant } from './fused-rms-fp8-group-quant.ts';
export { type MxScaleParams, mxScale } from './mx-scale.ts';
export { type Mxfp4QuantParams, mxfp4Quant } from './mxfp4-quant.ts';
export { type Mxfp8QuantParams, mxfp8Quant } from './mxfp8-quant.ts';
export { normalizeE4m3fnToE4m3fnuz } from './normalize-e4m3fn-to-e4m3fnuz.ts';
export { type PackUe8m0MnMajorParams, packUe8m0MnMajor } from './pack-ue8m0-mn-major.ts';
export { packUe8m0ToInt } from './pack-ue8m0-to-int.ts';
export { type Per1x128QuantParams, per1x128Quant } from './per-1x128-quant.ts';
export { type PerTensorQuantParams, perTensorQuant } from './per-tensor-quant.ts';
export { type PerTokenQuantParams, perTokenQuant } from './per-token-quant.ts';
export { requantWeightUe8m0 } from './requant-weight-ue8m0.ts';
export type { ScaleStore } from './shared/groups-output.ts';
export type { Fp8Format, GroupMath, RowMath } from './shared/groups-rules.ts';
export { type UnpackUe8m0ScaleParams, unpackUe8m0Scale } from './unpack-ue8m0-scale.ts';
