import { decodeArray } from '../../formats/decode.ts';
import { fp8GemmNtProduct } from '../../ops/fp8-gemm-nt.ts';
import { gemmA4w4Product } from '../../ops/gemm-a4w4-bpreshuffle.ts';
import { gemmA8w8BpreshuffleProduct } from '../../ops/gemm-a8w8-bpreshuffle.ts';
import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import type { Operands } from '../../ops/op.ts';
import { definitionOf, type OpName } from '../../ops/registry.ts';
import { blockScaleGemmProduct } from '../../ops/shared/block-scale-gemm.ts';
import type { BlockScaledProduct } from '../../ops/shared/block-scale-math.ts';
import { leadingColumns } from '../../ops/shared/fp8-matrices.ts';
import { type OutputFormat, type OutputRounding, roundedBytes } from '../../ops/shared/round-output.ts';
import { tensor } from '../../tensor/make.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { MistakenCall } from '../hypothesis.ts';

export const PLAIN = 'gemm_a8w8_blockscale';
export const BPRESHUFFLE = 'gemm_a8w8_blockscale_bpreshuffle';
export const PTPC = 'gemm_a8w8_bpreshuffle';
export const DEEPGEMM = 'fp8_gemm_nt';
export const FP4 = 'gemm_a4w4_bpreshuffle';

/** Multiplications whose scales belong to blocks of the weight. */
export const BLOCK_SCALED: readonly OpName[] = [PLAIN, BPRESHUFFLE, DEEPGEMM];
export const FP8_GEMMS: readonly OpName[] = [PLAIN, BPRESHUFFLE, PTPC, DEEPGEMM];
export const SHUFFLED_WEIGHT: readonly OpName[] = [BPRESHUFFLE, PTPC, FP4];
export const GEMMS: readonly OpName[] = [...FP8_GEMMS, FP4];

type GemmInput = 'x' | 'w' | 'x_scale' | 'w_scale';

/** The operands of a multiplication. The ops check that they are there before anything is diagnosed. */
export function gemmOperands(call: KernelCall): Operands<GemmInput> {
  return call.operands as unknown as Operands<GemmInput>;
}

export interface GemmSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Rows and columns of w that share a scale. */
  readonly blockN: number;
  readonly blockK: number;
}

export function gemmSizes(call: KernelCall): GemmSizes {
  const { x, w, w_scale } = gemmOperands(call);
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0] = w.layout.shape;
  const [blockN, blockK] = blockOf(call, K, w_scale);
  return { M, N, K, blockN, blockK };
}

function blockOf({ op, params }: KernelCall, K: number, wScale: Tensor): readonly [number, number] {
  if (op === FP4) return [1, 32];
  if (op === PTPC) return [1, Math.max(1, K)];
  if (op === DEEPGEMM) return [wScale.type === 'i32' ? 1 : 128, 128];
  const [rows = 128, columns = 128] = (params as { readonly block?: readonly number[] }).block ?? [];
  return [rows, columns];
}

/** The call with other operands; those that are not named stay the same objects. */
export function withOperands(call: KernelCall, changed: NamedTensors): MistakenCall {
  return { ...call, operands: { ...call.operands, ...changed } };
}

/** The call with one operand changed. */
export function changing(call: KernelCall, name: GemmInput, change: (given: Tensor) => Tensor): MistakenCall {
  return withOperands(call, { [name]: change(gemmOperands(call)[name]) });
}

/** The product that the operands of a multiplication stand for, for other arithmetic than the op's. */
export function gemmProduct(call: KernelCall): BlockScaledProduct {
  const operands = gemmOperands(call);
  switch (call.op) {
    case FP4:
      return gemmA4w4Product(operands);
    case PTPC:
      return gemmA8w8BpreshuffleProduct(operands);
    case DEEPGEMM:
      return fp8GemmNtProduct(operands);
    default:
      return blockScaleGemmProduct(call.params, operands);
  }
}

/** The codes of an fp8 matrix taken for e5m2, row-major, the first K columns. */
export function decodedAsE5m2(matrix: Tensor, K: number): Float32Array {
  const [, columns = 0] = matrix.layout.shape;
  return leadingColumns(decodeArray('e5m2', toRowMajor(matrix).bytes), columns, K);
}

/** Values [M, N] as the output of a multiplication, rounded once. @param rounding default: as its parameters say */
export function gemmOutputOf(
  { op, params, operands }: KernelCall,
  values: Float64Array,
  rounding: OutputRounding = (params as { readonly rounding?: OutputRounding }).rounding ?? 'nearest-even',
): NamedTensors {
  const { y } = definitionOf(op).plan(params, operands) as { readonly y: Omit<Tensor, 'bytes'> };
  return { y: tensor(y.name, y.type, y.layout, roundedBytes(values, y.type as OutputFormat, rounding)) };
}
