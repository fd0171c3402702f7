import { ParameterError } from '../errors.ts';
import { encodeArray } from '../formats/encode.ts';
import { formatFacts } from '../formats/facts.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireShape, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OpDefinition, Operands } from './op.ts';
import { quantizeBlocks, rowGroups } from './shared/groups.ts';
import { groupScaleLayout, SCALE_STORES, type ScaleStore, storedAs } from './shared/groups-output.ts';
import {
  FP8_FORMATS,
  type Fp8Format,
  requireChoice,
  requireCount,
  tritonFloor,
  tritonRule,
} from './shared/groups-rules.ts';
import { FLOAT_SOURCES, type FloatSource, floatValues, type Rows, requireRows } from './shared/rows.ts';
import { emptyBound, groupQuantBound, put } from './shared/rows-quant-bound.ts';
import { type RmsNorm, rmsNorm, rmsNormBound } from './shared/rows-rms-norm.ts';

const OP = 'fused_rms_fp8_group_quant';

export interface FusedRmsFp8GroupQuantParams {
  /** Added to the mean square. Default 1e-6. */
  readonly eps?: number;
  /** Elements that share a scale; the last group of a row may be shorter. Default 128. */
  readonly group?: number;
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /**
   * How the scales lie in memory. Default `row-major`; `transposed-view` is AITER's `transpose_scale=True`,
   * `column-major` its `transpose_scale=True, is_x_scale_strided=True`.
   */
  readonly scaleStore?: ScaleStore;
}

type Inputs = Operands<'x' | 'w', 'r'>;

/**
 * RMSNorm and fp8 group quantisation in one kernel, optionally after adding a residual.
 *
 * x [..., K] and the residual r (same type and shape) are f32, bf16 or f16; w [K] is any of these. Outputs: y fp8
 * [..., K]; scale f32 [..., ceil(K / group)]; norm, the normalised rows in the type of x; res_out, `x + r` in the type of
 * x (x itself without a residual). What is quantised is the float32 row: neither the sum nor the norm is rounded to the
 * type of x first, as separate kernels would.
 */
export const fusedRmsFp8GroupQuant: OpDefinition<
  FusedRmsFp8GroupQuantParams,
  'x' | 'w',
  'y' | 'scale' | 'norm' | 'res_out',
  'r'
> = {
  name: OP,
  summary: 'residual add, RMSNorm and fp8 group quantisation',
  source: 'AITER aiter/ops/triton/fused_fp8_quant.py fused_rms_fp8_group_quant',
  inputs: ['x', 'w'],
  optional: ['r'],
  outputs: ['y', 'scale', 'norm', 'res_out'],
  plan(params, operands) {
    const { format, group, scaleStore } = checked(params);
    const rows = requireRows(OP, operands, 'x');
    const x = rows.tensor;
    const { shape } = x.layout;
    const w = requireOperand(OP, operands, 'w');
    requireType(OP, w, ...FLOAT_SOURCES);
    requireShape(OP, w, [rows.columns], 'one weight for each column of x');
    requireLayout(OP, w, rowMajor([rows.columns]));
    if (operands.r !== undefined) {
      requireType(OP, operands.r, x.type);
      requireShape(OP, operands.r, shape, 'the shape of x');
      requireLayout(OP, operands.r, rowMajor(shape));
    }
    return {
      y: { name: 'y', type: format, layout: rowMajor(shape) },
      scale: { name: 'scale', type: 'f32', layout: groupScaleLayout(rows, group, scaleStore), scaling: 'f32' },
      norm: { name: 'norm', type: x.type, layout: rowMajor(shape) },
      res_out: { name: 'res_out', type: x.type, layout: rowMajor(shape) },
    };
  },
  reference(params, operands) {
    const spec = fusedRmsFp8GroupQuant.plan(params, operands);
    const { format, group } = checked(params);
    const source = sourceOf(params, operands);
    const normed = rmsNorm(source);
    const grid = rowGroups(source.rows, source.columns, group);
    const { codes, scales } = quantizeBlocks(normed, grid, tritonRule(formatFacts(format).max), format);
    return {
      y: storedAs(spec.y, codes),
      scale: storedAs(spec.scale, scales),
      norm: storedAs(spec.norm, encodeArray(spec.norm.type as FloatSource, normed)),
      res_out:
        operands.r === undefined
          ? storedAs(spec.res_out, operands.x.bytes)
          : storedAs(spec.res_out, encodeArray(spec.res_out.type as FloatSource, source.x)),
    };
  },
  bound(params, operands) {
    fusedRmsFp8GroupQuant.plan(params, operands);
    const { format, group } = checked(params);
    const normed = rmsNormBound(sourceOf(params, operands));
    const norm = emptyBound(normed.exact.length);
    for (let index = 0; index < normed.exact.length; index += 1) {
      const value = normed.exact[index] as number;
      const relative = (normed.shared[Math.floor(index / normed.columns)] as number) + normed.own;
      put(norm, index, value, Math.abs(value) * relative + (normed.flushed[index % normed.columns] as number));
    }
    return { ...groupQuantBound(normed, group, tritonFloor('f32'), formatFacts(format).max), norm };
  },
};

/** The rows to normalise: x, or the float32 sum of x and the residual. */
function sourceOf(params: FusedRmsFp8GroupQuantParams, operands: Inputs): RmsNorm {
  const { rows, columns }: Rows = requireRows(OP, operands, 'x');
  const x = operands.r === undefined ? floatValues(operands.x) : sum(operands.x, operands.r);
  return { rows, columns, x, weight: floatValues(operands.w), eps: checked(params).eps };
}

function sum(x: Tensor, r: Tensor): Float32Array {
  const residual = floatValues(r);
  return floatValues(x).map((value, index) => value + (residual[index] as number));
}

function checked(params: FusedRmsFp8GroupQuantParams): Required<FusedRmsFp8GroupQuantParams> {
  const { eps = 1e-6 } = params;
  if (!(eps >= 0 && eps < Number.POSITIVE_INFINITY)) {
    throw new ParameterError(OP, 'eps', `is ${eps}, expected a finite number that is not negative.`);
  }
  return {
    eps,
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    group: requireCount(OP, 'group', params.group ?? 128),
    scaleStore: requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', SCALE_STORES),
  };
}
