import { blocksAcross, rowGroups } from '../../../src/ops/shared/groups.ts';
import { castRule } from '../../quant-rule.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { encodeCalls, packCalls, scaleCalls } from './quant-calls.ts';

const GROUP = 128;

function castKernel<N extends 'deepgemm_per_token_cast' | 'deepgemm_per_block_cast'>(
  op: N,
  blockRows: number,
): WebGpuKernel<N> {
  return {
    op,
    async run(run, { ue8m0 = false }, operands, outputs) {
      const x = matrixOf(tensorOf(operands, 'x'));
      const grid = { rows: x.rows, columns: x.columns, blockRows, blockColumns: GROUP };
      await quantiseBlocks(run, x, grid, castRule(ue8m0), outputs);
    },
  };
}

export const deepgemmPerTokenCast: WebGpuKernel<'deepgemm_per_token_cast'> = castKernel('deepgemm_per_token_cast', 1);
export const deepgemmPerBlockCast: WebGpuKernel<'deepgemm_per_block_cast'> = castKernel(
  'deepgemm_per_block_cast',
  GROUP,
);

export const deepgemmPerTokenCastPacked: WebGpuKernel<'deepgemm_per_token_cast_packed'> = {
  op: 'deepgemm_per_token_cast_packed',
  async run(run, _params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const grid = rowGroups(x.rows, x.columns, GROUP);
    const across = blocksAcross(grid);
    const scales = run.scratch(x.rows * across * 4, 'scales');
    const steps = run.scratch(x.rows * across * 4, 'steps');
    const { scale, encode } = castRule(true);
    const packed = tensorOf(outputs, 'scale').array;
    await run.dispatch(
      ...scaleCalls(run.gpu, x, grid, scale, scales, steps),
      ...encodeCalls(run.gpu, x, grid, encode, steps, tensorOf(outputs, 'y').array),
      ...packCalls(run.gpu, scales, x.rows, across, 23, packed, run.scratch(4, 'invalid scale')),
    );
  },
};
