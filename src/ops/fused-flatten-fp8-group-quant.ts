import { OperandError } from '../errors.ts';
import { formatFacts } from '../formats/facts.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireRank } from '../tensor/expect.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout, SCALE_STORES, type ScaleStore } from './shared/groups-output.ts';
import {
  FP8_FORMATS,
  type Fp8Format,
  requireChoice,
  requireCount,
  tritonFloor,
  tritonRule,
} from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { type FloatSource, floatValues, type Rows, requireRows } from './shared/rows.ts';
import { groupQuantBound, MIN_NORMAL } from './shared/rows-quant-bound.ts';

const OP = 'fused_flatten_fp8_group_quant';

export interface FusedFlattenFp8GroupQuantParams {
  /** Elements that share a scale. Default 128. */
  readonly group?: number;
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /**
   * How the scales lie in memory. Default `row-major`. AITER's `transpose_scale=True` is `column-major` here, whereas its
   * RMSNorm kernel gives `transposed-view`: the bytes agree, the strides do not.
   */
  readonly scaleStore?: ScaleStore;
}

/**
 * Flattens x [M, N1, N2] (f32, bf16 or f16; N2 a multiple of the group) to [M, N1 * N2] and quantises it in groups: the
 * attention output on its way to the projection. scale is f32 [M, N1 * N2 / group].
 */
export const fusedFlattenFp8GroupQuant: OpDefinition<FusedFlattenFp8GroupQuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'flatten heads and quantise to fp8 in groups',
  source: 'AITER aiter/ops/triton/fused_fp8_quant.py fused_flatten_fp8_group_quant',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format, group, scaleStore } = checked(params);
    const flat = flattened(requireRows(OP, operands, 'x'), group);
    const layout = groupScaleLayout(flat, group, scaleStore);
    return {
      y: { name: 'y', type: format, layout: rowMajor(flat.shape) },
      scale: { name: 'scale', type: 'f32', layout, scaling: 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(fusedFlattenFp8GroupQuant.plan(params, operands), flattenQuantisation(params, operands));
  },
  bound(params, operands) {
    fusedFlattenFp8GroupQuant.plan(params, operands);
    const { format, group } = checked(params);
    const { rows, columns } = flattened(requireRows(OP, operands, 'x'), group);
    const source = {
      rows,
      columns,
      exact: Float64Array.from(floatValues(operands.x)),
      shared: new Float64Array(rows),
      own: 0,
      flushed: new Float64Array(columns).fill(MIN_NORMAL),
    };
    return groupQuantBound(source, {
      group,
      floor: tritonFloor(operands.x.type as FloatSource),
      format,
      limit: 'clamp',
    });
  },
};

/** The parts of a call that `plan` has checked. */
export function flattenQuantisation(params: FusedFlattenFp8GroupQuantParams, operands: Operands<'x'>): Quantisation {
  const { format, group } = checked(params);
  const { rows, columns } = flattened(requireRows(OP, operands, 'x'), group);
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, group),
    rule: tritonRule(formatFacts(format).max, tritonFloor(operands.x.type as FloatSource)),
    format,
    storeScales: asTheyAre,
  };
}

function flattened(x: Rows, group: number): Rows {
  requireRank(OP, x.tensor, 3, 3, '[tokens, heads, head size]');
  if (x.columns % group !== 0) {
    throw new OperandError(
      OP,
      x.tensor.name,
      `has segments of ${x.columns} elements [${x.shape.join(', ')}], expected a multiple of the group of ` +
        `${group}: groups begin anew at every segment, and the scales of a cut-off one would overlap the next.`,
    );
  }
  const rows = x.shape[0] as number;
  const columns = x.tensor.layout.size / rows;
  return { tensor: x.tensor, shape: [rows, columns], rows, columns };
}

function checked(params: FusedFlattenFp8GroupQuantParams): Required<FusedFlattenFp8GroupQuantParams> {
  return {
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    group: requireCount(OP, 'group', params.group ?? 128),
    scaleStore: requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', SCALE_STORES),
  };
}
