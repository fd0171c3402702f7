import type { OpParams } from '../../../src/ops/registry.ts';
import { gemmCalls, gemmSupport } from './gemm-calls.ts';
import { hasRuns } from './gemm-digits.ts';
import { type GpuOperands, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';

/** Reads w and x_scale wherever their layouts put them: both ops are one kernel. */
async function multiply(
  run: OpRun,
  params: OpParams<'gemm_a8w8_blockscale'>,
  operands: GpuOperands,
  outputs: GpuOperands,
): Promise<void> {
  const x = tensorOf(operands, 'x');
  const [, depth = 0] = x.layout.shape;
  const [blockN = 128, blockK = 128] = params.block ?? [];
  // Whole words need blocks and rows that start and end at words.
  const words = (name: 'x' | 'w'): number =>
    depth % 4 === 0 && blockK % 4 === 0 && hasRuns(tensorOf(operands, name).layout, 4) ? 1 : 0;
  const kernel = {
    shader: 'gemm_a8w8_blockscale',
    constants: { fnuz: x.type === 'e4m3fnuz' ? 1 : 0, x_words: words('x'), w_words: words('w') },
    sizes: [depth, blockN, blockK],
    rounding: params.rounding ?? 'nearest-even',
  } as const;
  await run.dispatch(...gemmCalls(run.gpu, kernel, operands, outputs));
}

export const gemmA8w8Blockscale: WebGpuKernel<'gemm_a8w8_blockscale'> = {
  op: 'gemm_a8w8_blockscale',
  supports: (_params, operands) => gemmSupport(operands),
  run: multiply,
};

export const gemmA8w8BlockscaleBpreshuffle: WebGpuKernel<'gemm_a8w8_blockscale_bpreshuffle'> = {
  op: 'gemm_a8w8_blockscale_bpreshuffle',
  supports: (_params, operands) => gemmSupport(operands),
  run: multiply,
};
