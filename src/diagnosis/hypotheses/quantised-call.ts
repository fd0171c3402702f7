import { encodeArray } from '../../formats/encode.ts';
import { actMulQuantisation } from '../../ops/act-mul-and-fp8-group-quant.ts';
import { addRmsnormQuantisation } from '../../ops/add-rmsnorm-quant.ts';
import { perBlockCastQuantisation } from '../../ops/deepgemm-per-block-cast.ts';
import { perTokenCastQuantisation } from '../../ops/deepgemm-per-token-cast.ts';
import { perTokenCastPackedQuantisation } from '../../ops/deepgemm-per-token-cast-packed.ts';
import { dynamicMxfp4Quantisation } from '../../ops/dynamic-mxfp4-quant.ts';
import { flattenQuantisation } from '../../ops/fused-flatten-fp8-group-quant.ts';
import { fusedRmsQuantisation } from '../../ops/fused-rms-fp8-group-quant.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { mxfp4Quantisation } from '../../ops/mxfp4-quant.ts';
import { mxfp8Quantisation } from '../../ops/mxfp8-quant.ts';
import { per1x128Quantisation } from '../../ops/per-1x128-quant.ts';
import { perTensorQuantisation } from '../../ops/per-tensor-quant.ts';
import { perTokenQuantisation } from '../../ops/per-token-quant.ts';
import { definitionOf, type OpName } from '../../ops/registry.ts';
import { type BlockScales, encodeBlocks, type QuantizedBlocks, scaleBlocks } from '../../ops/shared/groups.ts';
import { type Quantisation, type QuantisedSpecs, storeQuantised } from '../../ops/shared/quantisation.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';
import type { MistakenCall } from '../hypothesis.ts';

type QuantisationOf = (params: object, operands: never) => Quantisation;

const QUANTISATIONS: Readonly<Partial<Record<OpName, QuantisationOf>>> = {
  per_1x128_quant: per1x128Quantisation,
  per_token_quant: perTokenQuantisation,
  per_tensor_quant: perTensorQuantisation,
  mxfp4_quant: mxfp4Quantisation,
  mxfp8_quant: mxfp8Quantisation,
  dynamic_mxfp4_quant: dynamicMxfp4Quantisation,
  act_mul_and_fp8_group_quant: actMulQuantisation,
  add_rmsnorm_quant: addRmsnormQuantisation,
  fused_rms_fp8_group_quant: fusedRmsQuantisation,
  fused_flatten_fp8_group_quant: flattenQuantisation,
  deepgemm_per_token_cast: perTokenCastQuantisation,
  deepgemm_per_token_cast_packed: perTokenCastPackedQuantisation,
  deepgemm_per_block_cast: perBlockCastQuantisation,
};

/** Ops that turn floats into codes y and scales. */
export const QUANTISERS: readonly OpName[] = Object.keys(QUANTISATIONS) as OpName[];

/** Those with fp8 codes. */
export const FP8_QUANTISERS: readonly OpName[] = QUANTISERS.filter((op) => !op.includes('mxfp4'));

/** Those whose codes must be right to the bit; where there is a bound, a neighbouring code is accepted. */
export const EXACT_QUANTISERS: readonly OpName[] = QUANTISERS.filter((op) => definitionOf(op).bound === undefined);

/** What a quantising call does, in parts. @throws PreshuffleError where the call is not valid */
export function quantisationOf({ op, params, operands }: KernelCall): Quantisation {
  const of = QUANTISATIONS[op];
  if (of === undefined) throw new TypeError(`internal: ${op} does not quantise`);
  return of(params, operands as never);
}

/** What comes out of a call, without its bytes. */
export function specsOf({ op, params, operands }: KernelCall): Readonly<Record<string, TensorSpec>> {
  return definitionOf(op).plan(params, operands);
}

/** Whether the scales of a quantising call are powers of two. */
export function hasPowerOfTwoScales(call: KernelCall): boolean {
  return specsOf(call)['scale']?.scaling !== 'f32';
}

/** Codes and scales, and how the scales are stored where that is another way than the op's. */
type StoredBlocks = QuantizedBlocks & Partial<Pick<Quantisation, 'storeScales'>>;

/** The call with codes and scales made otherwise; other outputs stay. */
export function withBlocks(call: KernelCall, change: (parts: Quantisation) => StoredBlocks): MistakenCall {
  return {
    ...call,
    compute: (given) => {
      const parts = quantisationOf(given);
      const specs = specsOf(given);
      const blocks = change(parts);
      const outputs = storeQuantised(specs as unknown as QuantisedSpecs, { ...parts, ...blocks }, blocks);
      if (Object.keys(specs).length === Object.keys(outputs).length) return outputs;
      return { ...definitionOf(given.op).reference(given.params, given.operands), ...outputs };
    },
  };
}

/** The call with values, blocks or arithmetic of the quantiser changed. */
export function withParts(call: KernelCall, change: (parts: Quantisation) => Partial<Quantisation>): MistakenCall {
  return withBlocks(call, (parts) => blocksOf({ ...parts, ...change(parts) }));
}

/**
 * Codes and scales.
 * @param scaled what elements are combined with, where it is not the scale of their own block
 * @param encode from scaled elements to codes
 */
export function blocksOf(
  { values, grid, rule, format }: Quantisation,
  scaled: BlockScales = scaleBlocks(values, grid, rule),
  encode: (from: Float32Array, codes: Uint8Array) => void = (from, codes) =>
    encodeArray(format, from, { convention: 'aiter' }, codes),
): QuantizedBlocks {
  return { codes: encodeBlocks(values, grid, rule, scaled, encode), scales: scaled.scales };
}
