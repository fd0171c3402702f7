import { rowMajor } from '../../../src/layout/plain.ts';
import { multiplyFp8 } from './gemm-a8w8-blockscale.ts';
import { gemmSupport } from './gemm-calls.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

/** One block over all columns, with a scale for each row of w. */
export const gemmA8w8Bpreshuffle: WebGpuKernel<'gemm_a8w8_bpreshuffle'> = {
  op: 'gemm_a8w8_bpreshuffle',
  supports: (_params, operands) => gemmSupport(operands),
  async run(run, { rounding = 'nearest-even' }, operands, outputs) {
    const [, depth = 0] = tensorOf(operands, 'x').layout.shape;
    const wScale = tensorOf(operands, 'w_scale');
    // [N, 1] and [1, N] are the same numbers in the same order.
    const column = { ...wScale, layout: rowMajor([wScale.layout.size, 1]) };
    await multiplyFp8(run, { block: [1, Math.max(1, depth)], rounding }, { ...operands, w_scale: column }, outputs);
  },
};
