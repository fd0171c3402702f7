import { gemmCalls, gemmSupport } from './gemm-calls.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

/** Columns that share a scale. */
const BLOCK = 32;

export const gemmA4w4Bpreshuffle: WebGpuKernel<'gemm_a4w4_bpreshuffle'> = {
  op: 'gemm_a4w4_bpreshuffle',
  supports: (_params, operands) => gemmSupport(operands),
  async run(run, params, operands, outputs) {
    const [, depth = 0] = tensorOf(operands, 'x').layout.shape;
    const kernel = {
      shader: 'gemm_a4w4',
      constants: {},
      sizes: [depth / BLOCK],
      rounding: params.rounding ?? 'nearest-even',
    } as const;
    await run.dispatch(...gemmCalls(run.gpu, kernel, operands, outputs));
  },
};
