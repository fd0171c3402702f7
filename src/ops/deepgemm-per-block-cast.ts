import { rowMajor } from '../layout/plain.ts';
import { requireRank } from '../tensor/expect.ts';
import type { DeepgemmCastParams } from './deepgemm-per-token-cast.ts';
import type { OpDefinition, Operands } from './op.ts';
import { type BlockGrid, blocksAcross, blocksDown } from './shared/groups.ts';
import { deepgemmRule } from './shared/groups-rules.ts';
import { asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'deepgemm_per_block_cast';

/** Rows and columns that share a scale. */
const BLOCK = 128;

/**
 * Quantises a weight x [N, K] (f32, bf16 or f16) to e4m3fn with one scale for each 128x128 block: scale is f32
 * [ceil(N / 128), ceil(K / 128)]. Blocks at the edges count as padded with zeros.
 */
export const deepgemmPerBlockCast: OpDefinition<DeepgemmCastParams, 'x', 'y' | 'scale'> = {
  name: OP,
  summary: 'weights to e4m3fn, one f32 or power-of-two scale for each 128x128 block',
  source: 'DeepGEMM deep_gemm/utils/math.py per_block_cast_to_fp8',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { tensor: x, rows, columns } = requireRows(OP, operands, 'x');
    requireRank(OP, x, 2, 2, 'a weight [N, K]; cast experts one at a time');
    const grid = weightBlocks(rows, columns);
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(x.layout.shape) },
      scale: {
        name: 'scale',
        type: 'f32',
        layout: rowMajor([blocksDown(grid), blocksAcross(grid)]),
        scaling: params.ue8m0 === true ? 'ue8m0-f32' : 'f32',
      },
    };
  },
  reference(params, operands) {
    return quantise(deepgemmPerBlockCast.plan(params, operands), perBlockCastQuantisation(params, operands));
  },
};

/** The parts of a call that `plan` has checked. */
export function perBlockCastQuantisation(params: DeepgemmCastParams, operands: Operands<'x'>): Quantisation {
  const { rows, columns } = requireRows(OP, operands, 'x');
  return {
    values: floatValues(operands.x),
    grid: weightBlocks(rows, columns),
    rule: deepgemmRule(params.ue8m0 === true),
    format: 'e4m3fn',
    storeScales: asTheyAre,
  };
}

function weightBlocks(rows: number, columns: number): BlockGrid {
  return { rows, columns, blockRows: BLOCK, blockColumns: BLOCK };
}
