import { OperandError } from '../errors.ts';
import { formatFacts } from '../formats/facts.ts';
import { rowMajor } from '../layout/plain.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OpDefinition, Operands } from './op.ts';
import { activate, activationError, type GatedActivation } from './shared/activation.ts';
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
import { floatValues, type Rows, requireRows } from './shared/rows.ts';
import { groupQuantBound, MIN_NORMAL } from './shared/rows-quant-bound.ts';

const OP = 'act_mul_and_fp8_group_quant';

/** `gate * sigmoid(gate) * up`. */
const SILU: GatedActivation = { alpha: 1, offset: 0, limit: undefined };

export interface ActMulFp8GroupQuantParams {
  /** AITER also has gelu and gelu_tanh; only silu is implemented. Default `silu`. */
  readonly activation?: 'silu';
  /** Elements that share a scale; the last group of a row may be shorter. Default 128. */
  readonly group?: number;
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** How the scales lie in memory. Default `row-major`, which is all that AITER's kernel writes; SGLang and vLLM also store them column-major. */
  readonly scaleStore?: ScaleStore;
}

/**
 * The activation of a gated MLP and the quantisation of its result in one kernel: x [..., 2 I] (f32, bf16 or f16) holds the
 * gate half first, then the up half; y is fp8 [..., I], scale f32 [..., ceil(I / group)]. The product is quantised as float32,
 * not rounded to the type of x first, as separate kernels would.
 */
export const actMulAndFp8GroupQuant: OpDefinition<ActMulFp8GroupQuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'SiLU, product with the up half and fp8 group quantisation',
  source: 'AITER aiter/ops/triton/activation.py act_mul_and_fp8_group_quant; SGLang fuse_silu_and_mul',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { format, group, scaleStore } = checked(params);
    const half = halves(requireRows(OP, operands, 'x'));
    return {
      y: { name: 'y', type: format, layout: rowMajor(half.shape) },
      scale: { name: 'scale', type: 'f32', layout: groupScaleLayout(half, group, scaleStore), scaling: 'f32' },
    };
  },
  reference(params, operands) {
    return quantise(actMulAndFp8GroupQuant.plan(params, operands), actMulQuantisation(params, operands));
  },
  bound(params, operands) {
    actMulAndFp8GroupQuant.plan(params, operands);
    const { format, group } = checked(params);
    const { rows, columns } = halves(requireRows(OP, operands, 'x'));
    const { exact, elements } = products(operands.x, rows, columns);
    const source = {
      rows,
      columns,
      exact,
      elements,
      shared: new Float64Array(rows),
      own: 0,
      flushed: new Float64Array(columns).fill(MIN_NORMAL),
    };
    return groupQuantBound(source, { group, floor: tritonFloor('f32'), format, limit: 'clamp' });
  },
};

/** The parts of a call that `plan` has checked. @param activation another one than the op's */
export function actMulQuantisation(
  params: ActMulFp8GroupQuantParams,
  operands: Operands<'x'>,
  activation: GatedActivation = SILU,
): Quantisation {
  const { format, group } = checked(params);
  const { rows, columns } = halves(requireRows(OP, operands, 'x'));
  return {
    values: Float32Array.from(products(operands.x, rows, columns, activation).exact),
    grid: rowGroups(rows, columns, group),
    rule: tritonRule(formatFacts(format).max),
    format,
    storeScales: asTheyAre,
  };
}

/** The activated products in float64, and how far float32 arithmetic may lie from them. */
function products(
  x: Tensor,
  rows: number,
  columns: number,
  activation: GatedActivation = SILU,
): { readonly exact: Float64Array; readonly elements: Float64Array } {
  const values = floatValues(x);
  const exact = new Float64Array(rows * columns);
  const elements = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const gate = values[row * 2 * columns + column] as number;
      const up = values[row * 2 * columns + columns + column] as number;
      exact[row * columns + column] = activate(activation, gate, up);
      const error = activationError(activation, gate, up, 0, 0);
      elements[row * columns + column] = Number.isFinite(error) ? error : 0;
    }
  }
  return { exact, elements };
}

/** x seen as its results: half the columns. */
function halves(x: Rows): Rows {
  if (x.columns % 2 !== 0) {
    throw new OperandError(
      OP,
      x.tensor.name,
      `has rows of ${x.columns} elements [${x.shape.join(', ')}], expected an even number: the gate half, then the up half.`,
    );
  }
  const columns = x.columns / 2;
  return { tensor: x.tensor, shape: [...x.shape.slice(0, -1), columns], rows: x.rows, columns };
}

function checked(params: ActMulFp8GroupQuantParams): Required<ActMulFp8GroupQuantParams> {
  return {
    activation: requireChoice(OP, 'activation', params.activation ?? 'silu', ['silu']),
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    group: requireCount(OP, 'group', params.group ?? 128),
    scaleStore: requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', SCALE_STORES),
  };
}
