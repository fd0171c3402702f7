import type { OpParams } from '../../../src/ops/registry.ts';
import { gemmCalls, gemmSupport } from './gemm-calls.ts';
import { hasRuns } from './gemm-digits.ts';
import { type GpuOperands, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';

/** What is left of the parameters of an fp8 multiplication. */
export interface Fp8Multiplication {
  /** Rows of w and columns that share a scale. */
  readonly block: readonly [number, number];
  readonly rounding: 'nearest-even' | 'truncate';
}

/**
 * Multiplies by blocks. Reads x, w and both scales wherever their layouts put them, so that all fp8 multiplications are
 * one kernel. w may have more columns than x: they are not read. A block is scaled by `fma(dot, fl(x_scale * w_scale), sum)`.
 */
export async function multiplyFp8(
  run: OpRun,
  { block: [blockN, blockK], rounding }: Fp8Multiplication,
  operands: GpuOperands,
  outputs: GpuOperands,
): Promise<void> {
  const x = tensorOf(operands, 'x');
  const [, depth = 0] = x.layout.shape;
  // Whole words need blocks and rows that start and end at words.
  const words = (name: 'x' | 'w'): number =>
    depth % 4 === 0 && blockK % 4 === 0 && hasRuns(tensorOf(operands, name).layout, 4) ? 1 : 0;
  const kernel = {
    shader: 'gemm_a8w8_blockscale',
    constants: { fnuz: x.type === 'e4m3fnuz' ? 1 : 0, x_words: words('x'), w_words: words('w') },
    sizes: [depth, blockN, blockK],
    rounding,
  } as const;
  await run.dispatch(...gemmCalls(run.gpu, kernel, operands, outputs));
}

async function multiply(
  run: OpRun,
  params: OpParams<'gemm_a8w8_blockscale'>,
  operands: GpuOperands,
  outputs: GpuOperands,
): Promise<void> {
  const [blockN = 128, blockK = 128] = params.block ?? [];
  await multiplyFp8(run, { block: [blockN, blockK], rounding: params.rounding ?? 'nearest-even' }, operands, outputs);
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
