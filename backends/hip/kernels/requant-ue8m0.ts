import { rowMajor } from '../../../src/layout/plain.ts';
import { REQUANT_BLOCK, requantSizes } from '../../../src/ops/requant-weight-ue8m0.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { castRule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { quantise, scaleStrides } from './quant-calls.ts';

/** Dequantises and quantises again in registers: old and new scales belong to the same blocks. */
export const requantWeightUe8m0: HipKernel<'requant_weight_ue8m0'> = {
  op: 'requant_weight_ue8m0',
  objects: ['quant'],
  async run(run, _params, operands, outputs) {
    const [w, scale] = [tensorOf(operands, 'w'), tensorOf(operands, 'scale')];
    // A spec is all that the sizes need.
    const sizes = requantSizes({ w: w as unknown as Tensor, scale: scale as unknown as Tensor });
    const { experts, n, k, rowBlocks, groups } = sizes;
    await quantise(run, {
      source: 'weight',
      x: w.buffer,
      xScale: scale.buffer,
      y: tensorOf(outputs, 'y').buffer,
      scale: tensorOf(outputs, 'scale').buffer,
      matrices: experts,
      grid: { rows: n, columns: k, blockRows: REQUANT_BLOCK, blockColumns: REQUANT_BLOCK },
      rule: castRule(true),
      byteScales: false,
      strides: scaleStrides(rowMajor([rowBlocks, groups])),
    });
  },
};
