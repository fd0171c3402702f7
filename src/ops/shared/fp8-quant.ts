import { OperandError, ParameterError } from '../../errors.ts';
import { encodeArray } from '../../formats/encode.ts';
import { formatFacts } from '../../formats/facts.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { Layout } from '../../layout/layout.ts';
import { materialize } from '../../tensor/make.ts';
import type { Tensor, TensorSpec } from '../../tensor/tensor.ts';
import type { Operands } from '../op.ts';
import { applySteps, type Blocks, blockAmax, clampMed3 } from './block-quant.ts';
import { realValues, requireRows, type Rows } from './rows.ts';

/** The fp8 formats that AMD and NVIDIA kernels quantise to. */
export type Fp8Format = 'e4m3fn' | 'e4m3fnuz';

/**
 * Whose arithmetic:
 * - `torch`: AITER's torch references `pertoken_quant` and `per_tensor_quant`: scale = amax / max (a scale of 0 becomes 1),
 *   code = x / scale, no clamp;
 * - `hip`: AITER's HIP kernels: amax is raised to a floor, scale = amax * fl(1 / max), code = med3(x * fl(1 / scale)); NaN is
 *   ignored in the amax and encodes as -max.
 * About half of all scales differ by one float32 ulp between the two; the codes hardly ever.
 */
export type QuantMath = 'torch' | 'hip';

export interface Fp8QuantParams {
  readonly format: Fp8Format;
  /** Default `torch`. */
  readonly math?: QuantMath;
}

export function requireFp8(op: string, format: Fp8Format): number {
  if (format !== 'e4m3fn' && format !== 'e4m3fnuz') {
    throw new ParameterError(op, 'format', `is "${format}", expected e4m3fn (OCP: gfx950, NVIDIA) or e4m3fnuz (gfx942).`);
  }
  return formatFacts(format).max;
}

export function requireMath(op: string, math: QuantMath | undefined): QuantMath {
  if (math === undefined || math === 'torch') return 'torch';
  if (math === 'hip') return 'hip';
  throw new ParameterError(op, 'math', `is "${math}", expected torch or hip.`);
}

/** Checks that rows split into whole groups. */
export function requireGroups(op: string, { x, columns }: Rows, group: number): void {
  if (columns % group === 0) return;
  throw new OperandError(
    op,
    x.name,
    `has ${columns} columns, expected a multiple of ${group}. The source would read beyond the row; pad the last dimension with zeros.`,
  );
}

/** `amax` floor of the HIP group kernels. */
const HIP_FLOOR = Math.fround(1e-10);

/** Scales of blocks from their amax. `floor` is the HIP kernels' lower limit of amax. */
export function fp8Scales(amax: Float32Array, max: number, math: QuantMath, floor: number = HIP_FLOOR): Float32Array {
  if (math === 'torch') {
    return amax.map((value) => {
      const scale = Math.fround(value / max);
      return scale === 0 ? 1 : scale;
    });
  }
  const inverseMax = Math.fround(1 / max);
  return amax.map((value) => Math.fround(Math.max(value, floor) * inverseMax));
}

/** Codes of a matrix under the scales of its blocks. */
export function fp8Codes(x: Float32Array, blocks: Blocks, scales: Float32Array, format: Fp8Format, math: QuantMath): Uint8Array {
  if (math === 'torch') return encodeArray(format, applySteps(x, blocks, scales, 'divide'));
  const steps = scales.map((scale) => Math.fround(1 / scale));
  return encodeArray(format, clampMed3(applySteps(x, blocks, steps, 'multiply'), formatFacts(format).max));
}

/** Quantises blocks of a matrix to fp8: the body of the per-token, per-group and per-tensor ops. */
export function quantiseFp8(
  x: Tensor,
  blocks: Blocks,
  params: Fp8QuantParams,
  specs: Readonly<Record<'y' | 'scale', TensorSpec>>,
  floor?: number,
): { readonly codes: Tensor; readonly scales: Float32Array } {
  const math = params.math ?? 'torch';
  const values = realValues(x);
  const scales = fp8Scales(blockAmax(values, blocks, math === 'hip'), formatFacts(params.format).max, math, floor);
  return { codes: materialize(specs.y, fp8Codes(values, blocks, scales, params.format, math)), scales };
}

/** Output specs of a quantiser: codes shaped like x, float32 scales in the given layout. */
export function fp8Specs(x: Tensor, format: Fp8Format, scaleLayout: Layout): Readonly<Record<'y' | 'scale', TensorSpec>> {
  return {
    y: { name: 'y', type: format, layout: rowMajor(x.layout.shape) },
    scale: { name: 'scale', type: 'f32', layout: scaleLayout, scaling: 'f32' },
  };
}

/** Checks shared by the fp8 quantisers. */
export function planFp8(op: string, params: Fp8QuantParams, operands: Operands<'x'>): Rows {
  requireFp8(op, params.format);
  requireMath(op, params.math);
  return requireRows(op, operands);
}

