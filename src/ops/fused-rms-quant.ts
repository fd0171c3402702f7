import { ParameterError } from '../errors.ts';
import { encodeArray } from '../formats/encode.ts';
import { scaleTransposedView } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireShape, requireType } from '../tensor/expect.ts';
import { asBytes, materialize } from '../tensor/make.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import type { ErrorBound, OpDefinition, Operands } from './op.ts';
import { requireGroups } from './shared/fp8-quant.ts';
import { realValues, requireRows } from './shared/rows.ts';
import { placeScales } from './shared/scale-layout.ts';
import { INVERSE_FP8_MAX, TRITON_AMAX_FLOOR, tritonGroupQuant } from './shared/triton-group-quant.ts';

export interface FusedRmsQuantParams {
  /** Added to the mean square. */
  readonly epsilon: number;
  /** Columns that share a scale. Default 128. */
  readonly group?: number;
  /** Return the scales in state TV, as `transpose_scale=True` does here (unlike the flatten kernel, which gives CM). */
  readonly transposeScale?: boolean;
}

type Outputs = 'y' | 'scale' | 'norm' | 'residual_out';

const OP = 'fused_rms_fp8_group_quant';
const F32_UNIT = 2 ** -24;

/**
 * RMSNorm, optionally after adding a residual, and group quantisation of the unrounded result.
 *
 * x [M, K], weight [K], residual [M, K] bf16 or f16 -> y [M, K] e4m3fn, scale [M, K / group] f32, norm [M, K] and
 * residual_out [M, K] in the type of x. The norm uses the unrounded sum of x and residual.
 */
export const fusedRmsQuant: OpDefinition<FusedRmsQuantParams, 'x' | 'weight', Outputs, 'residual'> = {
  name: OP,
  summary: 'RMSNorm with optional residual, quantised in groups to fp8',
  source: 'AITER aiter/ops/triton/quant/fused_fp8_quant.py fused_rms_fp8_group_quant',
  inputs: ['x', 'weight'],
  optional: ['residual'],
  outputs: ['y', 'scale', 'norm', 'residual_out'],
  plan(params, operands) {
    const matrix = requireRows(OP, operands, 'x', 2);
    const { x, rows, columns } = matrix;
    const type = requireType(OP, x, 'bf16', 'f16');
    const weight = requireOperand(OP, operands, 'weight');
    requireType(OP, weight, type);
    requireShape(OP, weight, [columns], 'one weight for each column of x');
    requireLayout(OP, weight, rowMajor([columns]));
    if (operands.residual !== undefined) {
      requireType(OP, operands.residual, type);
      requireShape(OP, operands.residual, x.layout.shape, 'the shape of x');
      requireLayout(OP, operands.residual, x.layout);
    }
    const group = params.group ?? 128;
    if (!Number.isSafeInteger(group) || group < 1) throw new ParameterError(OP, 'group', `is ${group}, expected a positive integer.`);
    if (!(params.epsilon >= 0)) throw new ParameterError(OP, 'epsilon', `is ${params.epsilon}, expected a number of at least 0.`);
    requireGroups(OP, matrix, group);
    const same = (name: string): TensorSpec => ({ name, type, layout: rowMajor(x.layout.shape) });
    const scales = [rows, columns / group];
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(x.layout.shape) },
      scale: { name: 'scale', type: 'f32', layout: params.transposeScale === true ? scaleTransposedView(scales) : rowMajor(scales), scaling: 'f32' },
      norm: same('norm'),
      residual_out: same('residual_out'),
    };
  },
  reference(params, operands) {
    const specs = fusedRmsQuant.plan(params, operands);
    const { sums, normed, rows, columns } = normalise(params, operands);
    const rounded = Float32Array.from(normed);
    const blocks = { rows, columns, blockRows: 1, blockColumns: params.group ?? 128 };
    const { codes, scales } = tritonGroupQuant(rounded, blocks, TRITON_AMAX_FLOOR);
    const type = operands.x.type === 'f16' ? 'f16' : 'bf16';
    return {
      y: materialize(specs.y, codes),
      scale: placeScales(specs.scale, scales),
      norm: materialize(specs.norm, asBytes(encodeArray(type, rounded))),
      residual_out: materialize(specs.residual_out, asBytes(encodeArray(type, sums))),
    };
  },
  bound(params, operands) {
    fusedRmsQuant.plan(params, operands);
    return boundOf(params, operands);
  },
};

interface Normalised {
  /** x + residual, float32. */
  readonly sums: Float32Array;
  readonly normed: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** The norm in float64: better than any float32 kernel, so the reference lies in the middle of the bound. */
function normalise(params: FusedRmsQuantParams, operands: Operands<'x' | 'weight', 'residual'>): Normalised {
  const { x, rows, columns } = requireRows(OP, operands, 'x', 2);
  const sums = Float32Array.from(realValues(x));
  const weight = realValues(operands.weight);
  if (operands.residual !== undefined) {
    const residual = realValues(operands.residual);
    for (let index = 0; index < sums.length; index += 1) sums[index] = (sums[index] as number) + (residual[index] as number);
  }
  const normed = new Float64Array(sums.length);
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns;
    let squares = 0;
    for (let index = start; index < start + columns; index += 1) squares += (sums[index] as number) ** 2;
    const factor = 1 / Math.sqrt(squares / columns + params.epsilon);
    for (let column = 0; column < columns; column += 1) normed[start + column] = (sums[start + column] as number) * factor * (weight[column] as number);
  }
  return { sums, normed, rows, columns };
}

/**
 * Relative error of a float32 norm: the sum of squares over a tree of lanes (2 log2 K roundings are more than a tree has),
 * half of which survives the square root; mean, rsqrt (2 ulp) and two products.
 */
function normError(columns: number): number {
  return (16 + 2 * Math.ceil(Math.log2(columns + 1))) * F32_UNIT;
}

function boundOf(params: FusedRmsQuantParams, operands: Operands<'x' | 'weight', 'residual'>): Readonly<Partial<Record<Outputs, ErrorBound>>> {
  const { normed, rows, columns } = normalise(params, operands);
  const group = params.group ?? 128;
  const relative = normError(columns);
  const groups = columns / group;
  const scale = { exact: new Float64Array(rows * groups), error: new Float64Array(rows * groups) };
  const codes = { exact: new Float64Array(normed.length), error: new Float64Array(normed.length) };
  for (let block = 0; block < rows * groups; block += 1) {
    const values = normed.subarray(block * group, (block + 1) * group);
    const amax = values.reduce((most, value) => Math.max(most, Math.abs(value)), TRITON_AMAX_FLOOR);
    const exact = amax * INVERSE_FP8_MAX;
    scale.exact[block] = exact;
    scale.error[block] = exact * relative;
    // The scale's own error moves the quotient too; 4 units for the reciprocal and the product.
    for (const [index, value] of values.entries()) {
      codes.exact[block * group + index] = value / exact;
      codes.error[block * group + index] = Math.abs(value / exact) * (2 * relative + 4 * F32_UNIT);
    }
  }
  return { y: codes, scale, norm: { exact: normed, error: normed.map((value) => Math.abs(value) * relative) } };
}
