import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition, Operands } from './op.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout, requireEvenColumns } from './shared/groups-output.ts';
import { requireChoice, tritonMxfp4Rule } from './shared/groups-rules.ts';
import { asE8m0, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'dynamic_mxfp4_quant';

/** Elements that share a scale (OCP MX v1.0). */
const BLOCK = 32;

export interface DynamicMxfp4QuantParams {
  /** The kernel knows only this one. */
  readonly mode?: 'Even';
}

/** Byte of scale 1. The kernel converts the unbiased exponent to uint8, which saturates at 0, before it adds the bias. */
const SMALLEST_STORED = 127;

/**
 * AITER's Triton MXFP4 quantiser, as it runs on a CUDA device: codes as `mxfp4_quant` with mode Even has them, except that
 * an infinite or NaN maximum counts as scale byte 254 and not as NaN. The stored scale is never below 1, although the
 * elements are scaled by the true one: blocks whose largest magnitude is below 3.5 do not dequantise to what they were. The scales
 * that belong to the codes are those of `mxfp4_quant`.
 *
 * x [..., K] is f32, bf16 or f16 with even K; the last block of a row may be shorter. y is e2m1
 * [..., K], scale e8m0 [..., ceil(K / 32)].
 */
export const dynamicMxfp4Quant: OpDefinition<DynamicMxfp4QuantParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'activations to fp4 (e2m1) as the Triton kernel does it',
  source: 'AITER aiter/ops/triton/quant dynamic_mxfp4_quant',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    requireChoice(OP, 'mode', params.mode ?? 'Even', ['Even']);
    const x = requireRows(OP, operands, 'x');
    requireEvenColumns(OP, x);
    return {
      y: { name: 'y', type: 'e2m1', layout: rowMajor(x.shape) },
      scale: { name: 'scale', type: 'e8m0', layout: groupScaleLayout(x, BLOCK, 'row-major'), scaling: 'e8m0' },
    };
  },
  reference(params, operands) {
    return quantise(dynamicMxfp4Quant.plan(params, operands), dynamicMxfp4Quantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function dynamicMxfp4Quantisation(_params: DynamicMxfp4QuantParams, operands: Operands<'x'>): Quantisation {
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: rowGroups(rows, columns, BLOCK),
    rule: tritonMxfp4Rule(),
    format: 'e2m1',
    storeScales: (scales) => asE8m0(scales).map((byte) => Math.max(byte, SMALLEST_STORED)),
  };
}
