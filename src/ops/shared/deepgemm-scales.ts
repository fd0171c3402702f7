import { OperandError } from '../../errors.ts';
import { unpackUe8m0 } from '../../formats/mx-scale.ts';
import { scaleTmaAligned } from '../../layout/activation-scale.ts';
import { rowMajor } from '../../layout/plain.ts';
import { requireLayout, requireOperand, requireScaling, requireShape, requireType } from '../../tensor/expect.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import { leadingColumns } from './fp8-matrices.ts';
import { PACKED_SCALES } from './groups-packed-scale.ts';
import { refuseTransposedView } from './scale-strides.ts';

/** Rows of w (float scales only) and columns that share a scale in DeepGEMM. */
export const DEEPGEMM_BLOCK = 128;

/** `f32`: float scales, for SM90. `packed`: four exponents an int32, for SM100. */
export type DeepGemmScales = 'f32' | 'packed';

/** Which kind of scale an operand is, by its element type. */
export function deepGemmScalesOf({ type }: Pick<Tensor, 'type'>): DeepGemmScales {
  return type === 'i32' ? 'packed' : 'f32';
}

/**
 * Checks both scales of `fp8_gemm_nt` against x [M, K] and w [N, K].
 * @throws OperandError for a wrong or mixed kind or shape, LayoutMismatchError for another order in storage
 */
export function checkDeepGemmScales(
  op: string,
  operands: Readonly<Record<string, Tensor | undefined>>,
  [M, N, K]: readonly [number, number, number],
): DeepGemmScales {
  const x = requireOperand(op, operands, 'x_scale');
  const w = requireOperand(op, operands, 'w_scale');
  for (const scale of [x, w]) {
    if (requireType(op, scale, 'f32', 'i32') === 'i32') requireScaling(op, scale, 'ue8m0-packed');
    else requireScaling(op, scale, 'f32', 'ue8m0-f32');
  }
  const kind = deepGemmScalesOf(x);
  if (deepGemmScalesOf(w) !== kind) refuseMixed(op, w, x.name, kind);
  const groups = Math.ceil(K / DEEPGEMM_BLOCK);
  if (kind === 'packed') {
    checkPacked(op, x, M, groups, 'M');
    checkPacked(op, w, N, groups, 'N');
    return kind;
  }
  requireShape(op, x, [M, groups], `M, ceil(K / ${DEEPGEMM_BLOCK})`);
  requireMnMajor(op, x);
  const rowBlocks = Math.ceil(N / DEEPGEMM_BLOCK);
  requireShape(op, w, [rowBlocks, groups], `ceil(N / ${DEEPGEMM_BLOCK}), ceil(K / ${DEEPGEMM_BLOCK})`);
  requireLayout(op, w, rowMajor([rowBlocks, groups]), `Permute it to rowMajor([${rowBlocks}, ${groups}]).`);
  return kind;
}

function refuseMixed(op: string, w: Tensor, xName: string, kind: DeepGemmScales): never {
  const given =
    kind === 'packed' ? `is f32, but "${xName}" is packed (i32)` : `is packed (i32), but "${xName}" holds f32 scales`;
  throw new OperandError(
    op,
    w.name,
    `${given}. DeepGEMM reads both as f32 (SM90) or both as four exponents an int32 (SM100), and a float read as exponents is ` +
      `finite nonsense. ${kind === 'packed' ? `Round it with ceil_to_ue8m0, requantise w, and pack one row of scales for each row of w` : `Pack "${xName}", too, or pass the float scales of w`}.`,
  );
}

function checkPacked(op: string, scale: Tensor, rows: number, groups: number, dimension: string): void {
  const words = Math.ceil(groups / PACKED_SCALES);
  const { shape } = scale.layout;
  if (words !== groups && shape.length === 2 && shape[1] === groups) {
    throw new OperandError(
      op,
      scale.name,
      `has shape [${shape.join(', ')}], expected [${rows}, ${words}] (${dimension}, ceil(K / ${DEEPGEMM_BLOCK * PACKED_SCALES})): an int32 ` +
        'holds four exponents. One number a group looks like float scales under an integer type: pack them with pack_ue8m0_to_int.',
    );
  }
  requireShape(op, scale, [rows, words], `${dimension}, ceil(K / ${DEEPGEMM_BLOCK * PACKED_SCALES})`);
  requireMnMajor(op, scale);
}

/** DeepGEMM loads scales by TMA: column by column, each padded to 16 bytes. */
function requireMnMajor(op: string, scale: Tensor): void {
  const { shape } = scale.layout;
  const aligned = scaleTmaAligned(shape);
  refuseTransposedView(op, scale, [aligned.id]);
  requireLayout(
    op,
    scale,
    aligned,
    `Permute it to scaleTmaAligned([${shape.join(', ')}]): the op "permute", or DeepGEMM's transform_sf_into_required_layout.`,
  );
}

/** The scales of a checked operand as float32 [rows, groups], row-major. */
export function deepGemmScaleValues(scale: Tensor, groups: number): Float32Array {
  const plain = toRowMajor(scale);
  if (deepGemmScalesOf(scale) === 'f32') return asF32(plain);
  return leadingColumns(unpackUe8m0(asI32(plain)), (scale.layout.shape[1] ?? 0) * PACKED_SCALES, groups);
}
