import { actMulAndFp8GroupQuant } from './act-mul-and-fp8-group-quant.ts';
import { addRmsnormQuant } from './add-rmsnorm-quant.ts';
import { ceilToUe8m0 } from './ceil-to-ue8m0.ts';
import { decode } from './decode.ts';
import { deepgemmPerBlockCast } from './deepgemm-per-block-cast.ts';
import { deepgemmPerTokenCast } from './deepgemm-per-token-cast.ts';
import { deepgemmPerTokenCastPacked } from './deepgemm-per-token-cast-packed.ts';
import { dynamicMxfp4Quant } from './dynamic-mxfp4-quant.ts';
import { encode } from './encode.ts';
import { fp8GemmNt } from './fp8-gemm-nt.ts';
import { fusedFlattenFp8GroupQuant } from './fused-flatten-fp8-group-quant.ts';
import { fusedMoeMxfp4 } from './fused-moe-mxfp4.ts';
import { fusedRmsFp8GroupQuant } from './fused-rms-fp8-group-quant.ts';
import { gemmA4w4Bpreshuffle } from './gemm-a4w4-bpreshuffle.ts';
import { gemmA8w8Blockscale } from './gemm-a8w8-blockscale.ts';
import { gemmA8w8BlockscaleBpreshuffle } from './gemm-a8w8-blockscale-bpreshuffle.ts';
import { gemmA8w8Bpreshuffle } from './gemm-a8w8-bpreshuffle.ts';
import { moeSorting } from './moe-sorting.ts';
import { moeStage1Mxfp4 } from './moe-stage1-mxfp4.ts';
import { moeStage2Mxfp4 } from './moe-stage2-mxfp4.ts';
import { mxScale } from './mx-scale.ts';
import { mxfp4Quant } from './mxfp4-quant.ts';
import { mxfp8Quant } from './mxfp8-quant.ts';
import { normalizeE4m3fnToE4m3fnuz } from './normalize-e4m3fn-to-e4m3fnuz.ts';
import type { OpDefinition } from './op.ts';
import { packUe8m0MnMajor } from './pack-ue8m0-mn-major.ts';
import { packUe8m0ToInt } from './pack-ue8m0-to-int.ts';
import { per1x128Quant } from './per-1x128-quant.ts';
import { perTensorQuant } from './per-tensor-quant.ts';
import { perTokenQuant } from './per-token-quant.ts';
import { permute } from './permute.ts';
import { requantWeightUe8m0 } from './requant-weight-ue8m0.ts';
import { swiglu } from './swiglu.ts';
import { topkSoftmax } from './topk-softmax.ts';
import { unpackUe8m0Scale } from './unpack-ue8m0-scale.ts';

/** Every op by the name under which backends and golden files know it. */
export interface OpTable {
  readonly act_mul_and_fp8_group_quant: typeof actMulAndFp8GroupQuant;
  readonly add_rmsnorm_quant: typeof addRmsnormQuant;
  readonly ceil_to_ue8m0: typeof ceilToUe8m0;
  readonly decode: typeof decode;
  readonly deepgemm_per_block_cast: typeof deepgemmPerBlockCast;
  readonly deepgemm_per_token_cast: typeof deepgemmPerTokenCast;
  readonly deepgemm_per_token_cast_packed: typeof deepgemmPerTokenCastPacked;
  readonly dynamic_mxfp4_quant: typeof dynamicMxfp4Quant;
  readonly encode: typeof encode;
  readonly fp8_gemm_nt: typeof fp8GemmNt;
  readonly fused_flatten_fp8_group_quant: typeof fusedFlattenFp8GroupQuant;
  readonly fused_moe_mxfp4: typeof fusedMoeMxfp4;
  readonly fused_rms_fp8_group_quant: typeof fusedRmsFp8GroupQuant;
  readonly gemm_a4w4_bpreshuffle: typeof gemmA4w4Bpreshuffle;
  readonly gemm_a8w8_blockscale: typeof gemmA8w8Blockscale;
  readonly gemm_a8w8_blockscale_bpreshuffle: typeof gemmA8w8BlockscaleBpreshuffle;
  readonly gemm_a8w8_bpreshuffle: typeof gemmA8w8Bpreshuffle;
  readonly moe_sorting: typeof moeSorting;
  readonly moe_stage1_mxfp4: typeof moeStage1Mxfp4;
  readonly moe_stage2_mxfp4: typeof moeStage2Mxfp4;
  readonly mx_scale: typeof mxScale;
  readonly mxfp4_quant: typeof mxfp4Quant;
  readonly mxfp8_quant: typeof mxfp8Quant;
  readonly normalize_e4m3fn_to_e4m3fnuz: typeof normalizeE4m3fnToE4m3fnuz;
  readonly pack_ue8m0_mn_major: typeof packUe8m0MnMajor;
  readonly pack_ue8m0_to_int: typeof packUe8m0ToInt;
  readonly per_1x128_quant: typeof per1x128Quant;
  readonly per_tensor_quant: typeof perTensorQuant;
  readonly per_token_quant: typeof perTokenQuant;
  readonly permute: typeof permute;
  readonly requant_weight_ue8m0: typeof requantWeightUe8m0;
  readonly swiglu: typeof swiglu;
  readonly topk_softmax: typeof topkSoftmax;
  readonly unpack_ue8m0_scale: typeof unpackUe8m0Scale;
}

export const ops: OpTable = {
  act_mul_and_fp8_group_quant: actMulAndFp8GroupQuant,
  add_rmsnorm_quant: addRmsnormQuant,
  ceil_to_ue8m0: ceilToUe8m0,
  decode,
  deepgemm_per_block_cast: deepgemmPerBlockCast,
  deepgemm_per_token_cast: deepgemmPerTokenCast,
  deepgemm_per_token_cast_packed: deepgemmPerTokenCastPacked,
  dynamic_mxfp4_quant: dynamicMxfp4Quant,
  encode,
  fp8_gemm_nt: fp8GemmNt,
  fused_flatten_fp8_group_quant: fusedFlattenFp8GroupQuant,
  fused_moe_mxfp4: fusedMoeMxfp4,
  fused_rms_fp8_group_quant: fusedRmsFp8GroupQuant,
  gemm_a4w4_bpreshuffle: gemmA4w4Bpreshuffle,
  gemm_a8w8_blockscale: gemmA8w8Blockscale,
  gemm_a8w8_blockscale_bpreshuffle: gemmA8w8BlockscaleBpreshuffle,
  gemm_a8w8_bpreshuffle: gemmA8w8Bpreshuffle,
  moe_sorting: moeSorting,
  moe_stage1_mxfp4: moeStage1Mxfp4,
  moe_stage2_mxfp4: moeStage2Mxfp4,
  mx_scale: mxScale,
  mxfp4_quant: mxfp4Quant,
  mxfp8_quant: mxfp8Quant,
  normalize_e4m3fn_to_e4m3fnuz: normalizeE4m3fnToE4m3fnuz,
  pack_ue8m0_mn_major: packUe8m0MnMajor,
  pack_ue8m0_to_int: packUe8m0ToInt,
  per_1x128_quant: per1x128Quant,
  per_tensor_quant: perTensorQuant,
  per_token_quant: perTokenQuant,
  permute,
  requant_weight_ue8m0: requantWeightUe8m0,
  swiglu,
  topk_softmax: topkSoftmax,
  unpack_ue8m0_scale: unpackUe8m0Scale,
};

export type OpName = keyof OpTable;

/** Names of all ops, sorted. */
export const OP_NAMES: readonly OpName[] = Object.keys(ops).sort() as OpName[];

/** Parameters of an op. */
export type OpParams<N extends OpName> = Parameters<OpTable[N]['plan']>[0];

/** Operands of an op, by name. */
export type OpOperands<N extends OpName> = Parameters<OpTable[N]['plan']>[1];

/** Outputs of an op, by name. */
export type OpOutputs<N extends OpName> = ReturnType<OpTable[N]['reference']>;

/** The definition of an op under its most general type, for code that handles all of them alike. */
export function definitionOf(name: OpName): OpDefinition {
  return ops[name] as unknown as OpDefinition;
}
