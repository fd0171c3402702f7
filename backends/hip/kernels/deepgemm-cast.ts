import { blocksAcross, rowGroups } from '../../../src/ops/shared/groups.ts';
import { castRule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { floatSource, matrixOf, quantise, quantiseRows } from './quant-calls.ts';
import { scaleEach } from './quant-tensor.ts';

const GROUP = 128;
/** Exponent bytes in an int32. */
const PACKED = 4;

function castKernel<N extends 'deepgemm_per_token_cast' | 'deepgemm_per_block_cast'>(
  op: N,
  blockRows: number,
): HipKernel<N> {
  return {
    op,
    objects: ['quant'],
    async run(run, { ue8m0 = false }, operands, outputs) {
      const grid = { ...matrixOf(tensorOf(operands, 'x')), blockRows, blockColumns: GROUP };
      await quantiseRows(run, operands, outputs, grid, castRule(ue8m0));
    },
  };
}

export const deepgemmPerTokenCast: HipKernel<'deepgemm_per_token_cast'> = castKernel('deepgemm_per_token_cast', 1);
export const deepgemmPerBlockCast: HipKernel<'deepgemm_per_block_cast'> = castKernel('deepgemm_per_block_cast', GROUP);

/** Exponent bytes go where they belong in the words; those that a row lacks stay zero. */
export const deepgemmPerTokenCastPacked: HipKernel<'deepgemm_per_token_cast_packed'> = {
  op: 'deepgemm_per_token_cast_packed',
  objects: ['quant'],
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const { rows, columns } = matrixOf(x);
    const grid = rowGroups(rows, columns, GROUP);
    await quantise(run, {
      source: floatSource(x.type),
      x: x.buffer,
      y: tensorOf(outputs, 'y').buffer,
      scale: tensorOf(outputs, 'scale').buffer,
      grid,
      rule: castRule(true),
      byteScales: true,
      strides: { down: Math.ceil(blocksAcross(grid) / PACKED) * PACKED, right: 1 },
    });
  },
};

/** Every number is a scale of its own. */
export const ceilToUe8m0: HipKernel<'ceil_to_ue8m0'> = {
  op: 'ceil_to_ue8m0',
  objects: ['quant'],
  async run(run, _params, operands, outputs) {
    await scaleEach(run, tensorOf(operands, 'x'), { rounding: 'ue8m0' }, tensorOf(outputs, 'y'));
  },
};
