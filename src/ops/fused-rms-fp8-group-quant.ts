import { encodeArray } from '../formats/encode.ts';
import { formatFacts } from '../formats/facts.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireShape } from '../tensor/expect.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout, SCALE_STORES, type ScaleStore, storedAs } from './shared/groups-output.ts';
import {
  FP8_FORMATS,
  type Fp8Format,
  requireChoice,
  requireCount,
  tritonFloor,
  tritonRule,
} from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { FLOAT_SOURCES, type FloatSource, floatValues, type Rows, requireRows } from './shared/rows.ts';
import {
  requireBoth,
  requireEpsilon,
  requireNormWeight,
  requireResidual,
  residualSum,
} from './shared/rows-norm-operands.ts';
import { groupQuantBound } from './shared/rows-quant-bound.ts';
import { normOutputBound, type RmsNorm, rmsNorm, rmsNormBound } from './shared/rows-rms-norm.ts';

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
  /** As `eps`, for x2. Default `eps`. */
  readonly eps2?: number;
}

type Optional = 'r' | 'x2' | 'w2';
type Inputs = Operands<'x' | 'w', Optional>;

/**
 * RMSNorm and fp8 group quantisation in one kernel, optionally after adding a residual.
 *
 * x [..., K] and the residual r (same type and shape) are f32, bf16 or f16; w [K] is any of these. Outputs: y fp8
 * [..., K]; scale f32 [..., ceil(K / group)]; norm, the normalised rows in the type of x; res_out, `x + r` in the type of
 * x (x itself without a residual). What is quantised is the float32 row: neither the sum nor the norm is rounded to the
 * type of x first, as separate kernels would.
 *
 * x2 [..., K2] with its weight w2 [K2] is a second input with as many rows: it is normalised alone, without residual, and
 * not quantised. Output y2, in the type of x2.
 */
export const fusedRmsFp8GroupQuant: OpDefinition<
  FusedRmsFp8GroupQuantParams,
  'x' | 'w',
  'y' | 'scale' | 'norm' | 'res_out',
  Optional,
  'y2'
> = {
  name: OP,
  summary: 'residual add, RMSNorm and fp8 group quantisation',
  source: 'AITER aiter/ops/triton/fused_fp8_quant.py fused_rms_fp8_group_quant',
  inputs: ['x', 'w'],
  optional: ['r', 'x2', 'w2'],
  outputs: ['y', 'scale', 'norm', 'res_out'],
  optionalOutputs: ['y2'],
  plan(params, operands) {
    const { format, group, scaleStore } = checked(params);
    const rows = requireRows(OP, operands, 'x');
    const x = rows.tensor;
    const { shape } = x.layout;
    requireNormWeight(OP, operands, 'w', rows, FLOAT_SOURCES);
    requireResidual(OP, operands, rows);
    const second = secondRows(operands, shape);
    return {
      y: { name: 'y', type: format, layout: rowMajor(shape) },
      scale: { name: 'scale', type: 'f32', layout: groupScaleLayout(rows, group, scaleStore), scaling: 'f32' },
      norm: { name: 'norm', type: x.type, layout: rowMajor(shape) },
      res_out: { name: 'res_out', type: x.type, layout: rowMajor(shape) },
      ...(second === undefined ? {} : { y2: { name: 'y2', type: second.tensor.type, layout: rowMajor(second.shape) } }),
    };
  },
  reference(params, operands) {
    const spec = fusedRmsFp8GroupQuant.plan(params, operands);
    const source = fusedRmsSource(params, operands);
    const second = secondOf(params, operands);
    const quantisation = fusedRmsQuantisation(params, operands, source);
    return {
      ...quantise(spec, quantisation),
      norm: storedAs(spec.norm, encodeArray(spec.norm.type as FloatSource, quantisation.values)),
      res_out:
        operands.r === undefined
          ? storedAs(spec.res_out, operands.x.bytes)
          : storedAs(spec.res_out, encodeArray(spec.res_out.type as FloatSource, source.x)),
      ...(second === undefined || spec.y2 === undefined
        ? {}
        : { y2: storedAs(spec.y2, encodeArray(spec.y2.type as FloatSource, rmsNorm(second))) }),
    };
  },
  bound(params, operands) {
    fusedRmsFp8GroupQuant.plan(params, operands);
    const { format, group } = checked(params);
    const normed = rmsNormBound(fusedRmsSource(params, operands));
    const limits = { group, floor: tritonFloor('f32'), format, limit: 'clamp' } as const;
    const second = secondOf(params, operands);
    return {
      ...groupQuantBound(normed, limits),
      norm: normOutputBound(normed),
      ...(second === undefined ? {} : { y2: normOutputBound(rmsNormBound(second)) }),
    };
  },
};

/** The second input as rows, if there is one. */
function secondRows(operands: Inputs, shape: readonly number[]): Rows | undefined {
  requireBoth(OP, operands, 'x2', 'w2', 'the second input is normalised with a weight of its own');
  if (operands.x2 === undefined) return undefined;
  const rows = requireRows(OP, operands, 'x2');
  requireShape(OP, rows.tensor, [...shape.slice(0, -1), undefined], 'as many rows as x, of any length');
  requireNormWeight(OP, operands, 'w2', rows, FLOAT_SOURCES);
  return rows;
}

/** The rows to normalise: x, or the float32 sum of x and the residual. */
export function fusedRmsSource(params: FusedRmsFp8GroupQuantParams, operands: Inputs): RmsNorm {
  const { rows, columns } = requireRows(OP, operands, 'x');
  const x = residualSum(operands.x, operands.r);
  return { rows, columns, x, weight: floatValues(operands.w), eps: checked(params).eps };
}

/** The parts of a call that `plan` has checked. */
export function fusedRmsQuantisation(
  params: FusedRmsFp8GroupQuantParams,
  operands: Inputs,
  source: RmsNorm = fusedRmsSource(params, operands),
): Quantisation {
  const { format, group } = checked(params);
  return {
    values: rmsNorm(source),
    grid: rowGroups(source.rows, source.columns, group),
    rule: tritonRule(formatFacts(format).max),
    format,
    storeScales: asTheyAre,
  };
}

function secondOf(params: FusedRmsFp8GroupQuantParams, { x2, w2 }: Inputs): RmsNorm | undefined {
  if (x2 === undefined || w2 === undefined) return undefined;
  const { rows, columns } = requireRows(OP, { x2 }, 'x2');
  return { rows, columns, x: floatValues(x2), weight: floatValues(w2), eps: checked(params).eps2 };
}

function checked(params: FusedRmsFp8GroupQuantParams): Required<FusedRmsFp8GroupQuantParams> {
  const { eps = 1e-6, eps2 = eps } = params;
  return {
    eps: requireEpsilon(OP, 'eps', eps),
    eps2: requireEpsilon(OP, 'eps2', eps2),
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    group: requireCount(OP, 'group', params.group ?? 128),
    scaleStore: requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', SCALE_STORES),
  };
}
