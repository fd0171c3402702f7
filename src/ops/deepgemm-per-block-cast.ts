import { rowMajor } from '../layout/plain.ts';
import { requireRank } from '../tensor/expect.ts';
import type { DeepgemmCastParams } from './deepgemm-per-token-cast.ts';
import type { OpDefinition } from './op.ts';
import { type BlockGrid, blocksAcross, blocksDown, quantizeBlocks } from './shared/groups.ts';
import { storedAs } from './shared/groups-output.ts';
import { deepgemmRule } from './shared/groups-rules.ts';
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
    const spec = deepgemmPerBlockCast.plan(params, operands);
    const { rows, columns } = requireRows(OP, operands, 'x');
    const rule = deepgemmRule(params.ue8m0 === true);
    const { codes, scales } = quantizeBlocks(floatValues(operands.x), weightBlocks(rows, columns), rule, 'e4m3fn');
    return { y: storedAs(spec.y, codes), scale: storedAs(spec.scale, scales) };
  },
};

function weightBlocks(rows: number, columns: number): BlockGrid {
  return { rows, columns, blockRows: BLOCK, blockColumns: BLOCK };
}
