import { OperandError } from '../errors.ts';
import { decodeArray } from '../formats/decode.ts';
import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireRank, requireShape, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32, asU8 } from '../tensor/views.ts';
import type { OpDefinition, Operands } from './op.ts';
import { type BlockGrid, type BlockRule, type QuantizedBlocks, quantizeBlocks } from './shared/groups.ts';
import { storedAs } from './shared/groups-output.ts';
import { deepgemmRule } from './shared/groups-rules.ts';

const OP = 'requant_weight_ue8m0';

/** Rows and columns that share a scale. */
export const REQUANT_BLOCK = 128;

/** Sizes of a checked call: `experts` matrices of n rows and k columns. */
export interface RequantSizes {
  readonly experts: number;
  readonly n: number;
  readonly k: number;
  readonly rowBlocks: number;
  readonly groups: number;
}

/**
 * Gives a block-scaled fp8 weight power-of-two scales: dequantise to bf16, quantise again in 128x128 blocks with the scale
 * rounded up to a power of two. Codes and scales change together; half a code and up to a bit of range are lost.
 *
 * w is e4m3fn [N, K] or [experts, N, K], scale f32 [..., ceil(N / 128), ceil(K / 128)], both row-major; y has the shape of w, the
 * new scale that of the old one. Blocks at the edges count as padded with zeros. Scales that are powers of two already are
 * refused by their label: requantising twice loses precision a second time and goes unnoticed.
 */
export const requantWeightUe8m0: OpDefinition<object, 'w' | 'scale', 'y' | 'scale'> = {
  name: OP,
  summary: 'fp8 weights with float block scales to power-of-two block scales',
  source: 'SGLang fp8_utils.py requant_weight_ue8m0; DeepGEMM deep_gemm/utils/math.py per_block_cast_to_fp8',
  inputs: ['w', 'scale'],
  outputs: ['y', 'scale'],
  plan(_params, operands) {
    requantSizes(operands);
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(operands.w.layout.shape) },
      scale: { name: 'scale', type: 'f32', layout: rowMajor(operands.scale.layout.shape), scaling: 'ue8m0-f32' },
    };
  },
  reference(params, operands) {
    const spec = requantWeightUe8m0.plan(params, operands);
    const { codes, scales } = requantised(operands, ARITHMETIC);
    return { y: storedAs(spec.y, codes), scale: storedAs(spec.scale, scales) };
  },
};

/** What a requantisation may do in more than one way. */
export interface RequantArithmetic {
  readonly rule: BlockRule;
  /** Round dequantised weights to bf16. */
  readonly throughBf16: boolean;
}

const ARITHMETIC: RequantArithmetic = { rule: deepgemmRule(true), throughBf16: true };

/** New codes and scales of operands that `plan` has checked. */
export function requantised(
  operands: Operands<'w' | 'scale'>,
  { rule, throughBf16 }: RequantArithmetic,
): QuantizedBlocks {
  const { experts, n, k, rowBlocks, groups } = requantSizes(operands);
  const [given, givenScales] = [asU8(operands.w), asF32(operands.scale)];
  const codes = new Uint8Array(given.length);
  const scales = new Float32Array(givenScales.length);
  const grid: BlockGrid = { rows: n, columns: k, blockRows: REQUANT_BLOCK, blockColumns: REQUANT_BLOCK };
  for (let expert = 0; expert < experts; expert += 1) {
    const [at, scaleAt] = [expert * n * k, expert * rowBlocks * groups];
    const own = givenScales.subarray(scaleAt, scaleAt + rowBlocks * groups);
    const exact = dequantised(given.subarray(at, at + n * k), own, k, groups);
    const values = throughBf16 ? decodeArray('bf16', encodeArray('bf16', exact)) : exact;
    const quantised = quantizeBlocks(values, grid, rule, 'e4m3fn');
    codes.set(quantised.codes, at);
    scales.set(quantised.scales, scaleAt);
  }
  return { codes, scales };
}

/** `w * scale` in float32. */
function dequantised(codes: Uint8Array, scales: Float32Array, k: number, groups: number): Float32Array {
  const values = decodeArray('e4m3fn', codes);
  for (let index = 0; index < values.length; index += 1) {
    const [row, column] = [Math.floor(index / k), index % k];
    const scale = scales[Math.floor(row / REQUANT_BLOCK) * groups + Math.floor(column / REQUANT_BLOCK)] as number;
    values[index] = (values[index] as number) * scale;
  }
  return values;
}

/** @throws OperandError, LayoutMismatchError */
export function requantSizes(operands: Readonly<Record<string, Tensor>>): RequantSizes {
  const w = requireOperand(OP, operands, 'w');
  const scale = requireOperand(OP, operands, 'scale');
  requireType(OP, w, 'e4m3fn');
  requireRank(OP, w, 2, 3, 'N, K; or experts, N, K');
  const { shape } = w.layout;
  if (w.layout.size === 0)
    throw new OperandError(OP, w.name, `has shape [${shape.join(', ')}], expected no empty dimension.`);
  if (scale.scaling === 'ue8m0-f32' || scale.scaling === 'ue8m0-packed') {
    throw new OperandError(
      OP,
      scale.name,
      `holds ${scale.scaling} scales: this weight was requantised already. A second time would lose precision again; use it as it is.`,
    );
  }
  requireType(OP, scale, 'f32');
  const [n = 1, k = 1] = shape.slice(-2);
  const [rowBlocks, groups] = [Math.ceil(n / REQUANT_BLOCK), Math.ceil(k / REQUANT_BLOCK)];
  const lead = shape.slice(0, -2);
  requireShape(OP, scale, [...lead, rowBlocks, groups], 'one scale for each 128x128 block of w');
  requireLayout(OP, w, rowMajor(shape));
  requireLayout(OP, scale, rowMajor(scale.layout.shape));
  return { experts: w.layout.size / (n * k), n, k, rowBlocks, groups };
}
