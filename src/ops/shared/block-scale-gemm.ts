import { ParameterError } from '../../errors.ts';
import { rowMajor } from '../../layout/plain.ts';
import { requireLayout, requireOperand, requireScaling, requireShape, requireType } from '../../tensor/expect.ts';
import { tensor } from '../../tensor/make.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor, TensorSpec } from '../../tensor/tensor.ts';
import { asF32 } from '../../tensor/views.ts';
import type { ErrorBound, Operands } from '../op.ts';
import { type BlockScaledProduct, type BlockScaleMath, COMBINE, multiply } from './block-scale-math.ts';
import { decodedMatrix, requireFp8Matrices } from './fp8-matrices.ts';
import { blockScaledBound } from './gemm-bound.ts';
import { type OutputFormat, type OutputRounding, roundedBytes } from './round-output.ts';

/** Parameters of both fp8 block-scaled multiplications. */
export interface BlockScaleGemmParams {
  /** Rows and columns of w that share a scale; x has one scale for each row and column block. Default [128, 128]. */
  readonly block?: readonly number[];
  /** Default `bf16`. */
  readonly out?: OutputFormat;
  /** Order of the float32 operations in the reference. Default `exact`: float64, rounded once. */
  readonly math?: BlockScaleMath;
  /** Default `nearest-even`. `truncate` needs `out: 'bf16'`. */
  readonly rounding?: OutputRounding;
}

export type BlockScaleGemmInput = 'x' | 'w' | 'x_scale' | 'w_scale';

/** Sizes of a multiplication whose operands fit each other. */
export interface BlockScaleGemmSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Scale blocks along N. */
  readonly rowBlocks: number;
  /** Scale blocks along K. */
  readonly groups: number;
}

/** Checks `out` and `rounding`, and fills in the defaults. */
export function gemmOutput(
  op: string,
  params: { readonly out?: OutputFormat; readonly rounding?: OutputRounding },
): { readonly out: OutputFormat; readonly rounding: OutputRounding } {
  const { out = 'bf16', rounding = 'nearest-even' } = params;
  requireOneOf(op, 'out', out, ['bf16', 'f16', 'f32']);
  requireOneOf(op, 'rounding', rounding, ['nearest-even', 'truncate']);
  if (rounding === 'truncate' && out !== 'bf16') {
    throw new ParameterError(
      op,
      'rounding',
      `is truncate with out ${out}, but only bf16 results are truncated. Use out bf16 or nearest-even.`,
    );
  }
  return { out, rounding };
}

/** Checks a parameter that is one of a few words. */
export function requireOneOf(op: string, parameter: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new ParameterError(op, parameter, `is ${JSON.stringify(value)}, expected ${allowed.join(', ')}.`);
}

function blockOf(op: string, params: BlockScaleGemmParams): readonly [number, number] {
  const block = params.block ?? [128, 128];
  const [rows, columns] = block;
  const valid = block.length === 2 && block.every((size) => Number.isInteger(size) && size > 0);
  if (!valid || rows === undefined || columns === undefined) {
    throw new ParameterError(
      op,
      'block',
      `is ${JSON.stringify(block)}, expected two positive integers [rows of w, columns].`,
    );
  }
  return [rows, columns];
}

/** All checks that do not depend on where the bytes of w and x_scale lie. */
export function checkBlockScaleGemm(
  op: string,
  params: BlockScaleGemmParams,
  operands: Operands<BlockScaleGemmInput>,
): BlockScaleGemmSizes {
  const [blockN, blockK] = blockOf(op, params);
  const { x, w, M, N, K } = requireFp8Matrices(op, operands, 'e4m3fn', 'e4m3fnuz');
  const xScale = requireOperand(op, operands, 'x_scale');
  const wScale = requireOperand(op, operands, 'w_scale');
  requireShape(op, w, [undefined, K], `N, K = ${K} of x`);
  const groups = Math.ceil(K / blockK);
  const rowBlocks = Math.ceil(N / blockN);
  for (const scale of [xScale, wScale]) {
    requireType(op, scale, 'f32');
    requireScaling(op, scale, 'f32', 'ue8m0-f32');
  }
  requireShape(op, xScale, [M, groups], `M, ceil(K / ${blockK})`);
  requireShape(op, wScale, [rowBlocks, groups], `ceil(N / ${blockN}), ceil(K / ${blockK})`);
  requireLayout(op, x, rowMajor([M, K]));
  requireLayout(op, wScale, rowMajor([rowBlocks, groups]));
  return { M, N, K, rowBlocks, groups };
}

/** The output of a checked multiplication. */
export function blockScaleGemmOutput(op: string, params: BlockScaleGemmParams, sizes: BlockScaleGemmSizes): TensorSpec {
  const { out } = gemmOutput(op, params);
  requireOneOf(op, 'math', params.math ?? 'exact', Object.keys(COMBINE));
  return { name: 'y', type: out, layout: rowMajor([sizes.M, sizes.N]) };
}

/** The CPU reference. The operands have passed the checks. */
export function blockScaleGemmReference(
  params: BlockScaleGemmParams,
  operands: Operands<BlockScaleGemmInput>,
  spec: TensorSpec,
): Tensor {
  const { out = 'bf16', math = 'exact', rounding = 'nearest-even' } = params;
  const y = multiply(blockScaleGemmProduct(params, operands), COMBINE[math]);
  return tensor(spec.name, spec.type, spec.layout, roundedBytes(y, out, rounding));
}

/** What any correct float32 kernel may return. The operands have passed the checks. */
export function blockScaleGemmBound(params: BlockScaleGemmParams, operands: Operands<BlockScaleGemmInput>): ErrorBound {
  return blockScaledBound(blockScaleGemmProduct(params, operands), params.rounding ?? 'nearest-even');
}

/** The product that checked operands stand for. */
export function blockScaleGemmProduct(
  params: BlockScaleGemmParams,
  operands: Operands<BlockScaleGemmInput>,
): BlockScaledProduct {
  const { x, w, x_scale, w_scale } = operands;
  const [blockN = 128, blockK = 128] = params.block ?? [];
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0] = w.layout.shape;
  return {
    M,
    N,
    K,
    blockN,
    blockK,
    x: decodedMatrix(x),
    w: decodedMatrix(w),
    xScale: asF32(toRowMajor(x_scale)),
    wScale: asF32(toRowMajor(w_scale)),
  };
}
