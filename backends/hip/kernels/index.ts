import type { OpName } from '../../../src/ops/registry.ts';
import { actMulQuant } from './act-mul-quant.ts';
import { addRmsnormQuant } from './add-rmsnorm-quant.ts';
import { decode } from './decode.ts';
import {
  ceilToUe8m0,
  deepgemmPerBlockCast,
  deepgemmPerTokenCast,
  deepgemmPerTokenCastPacked,
} from './deepgemm-cast.ts';
import { encode } from './encode.ts';
import { fp8GemmNt } from './fp8-gemm-nt.ts';
import { fusedFlattenQuant } from './fused-flatten-quant.ts';
import { fusedMoeMxfp4 } from './fused-moe.ts';
import { fusedRmsQuant } from './fused-rms-quant.ts';
import { gemmA4w4Bpreshuffle } from './gemm-a4w4.ts';
import { gemmA8w8Blockscale, gemmA8w8BlockscaleBpreshuffle, gemmA8w8Bpreshuffle } from './gemm-a8w8.ts';
import type { HipKernel } from './kernel.ts';
import { moeSorting } from './moe-sorting.ts';
import { moeStage1Mxfp4 } from './moe-stage1.ts';
import { moeStage2Mxfp4 } from './moe-stage2.ts';
import { dynamicMxfp4Quant, mxfp4Quant, mxfp8Quant, mxScale } from './mx-quant.ts';
import { normalizeFnuz } from './normalize-fnuz.ts';
import { permute } from './permute.ts';
import { per1x128Quant, perTensorQuant, perTokenQuant } from './quant-fp8.ts';
import { requantWeightUe8m0 } from './requant-ue8m0.ts';
import { swiglu } from './swiglu.ts';
import { topkSoftmax } from './topk-softmax.ts';
import { packUe8m0MnMajor, packUe8m0ToInt, unpackUe8m0Scale } from './ue8m0.ts';

type AnyKernel = { readonly [N in OpName]: HipKernel<N> }[OpName];

/** Every op that runs on HIP. To add one: write `kernels/NAME.ts` and list it here, in alphabetical order. */
const KERNELS: readonly AnyKernel[] = [
  actMulQuant,
  addRmsnormQuant,
  ceilToUe8m0,
  decode,
  deepgemmPerBlockCast,
  deepgemmPerTokenCast,
  deepgemmPerTokenCastPacked,
  dynamicMxfp4Quant,
  encode,
  fp8GemmNt,
  fusedFlattenQuant,
  fusedMoeMxfp4,
  fusedRmsQuant,
  gemmA4w4Bpreshuffle,
  gemmA8w8Blockscale,
  gemmA8w8BlockscaleBpreshuffle,
  gemmA8w8Bpreshuffle,
  moeSorting,
  moeStage1Mxfp4,
  moeStage2Mxfp4,
  mxfp4Quant,
  mxfp8Quant,
  mxScale,
  normalizeFnuz,
  packUe8m0MnMajor,
  packUe8m0ToInt,
  per1x128Quant,
  permute,
  perTensorQuant,
  perTokenQuant,
  requantWeightUe8m0,
  swiglu,
  topkSoftmax,
  unpackUe8m0Scale,
];

const byOp = new Map<OpName, AnyKernel>(KERNELS.map((kernel) => [kernel.op, kernel]));

/** The kernel of an op, or the reason why there is none. */
export function kernelFor<N extends OpName>(op: N): HipKernel<N> | string {
  const kernel = byOp.get(op) as unknown as HipKernel<N> | undefined;
  return kernel ?? `there is no HIP kernel for ${op}: use the webgpu or cpu backend.`;
}
