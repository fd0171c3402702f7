import type { OpParams } from '../../../src/ops/registry.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { Support } from '../../backend.ts';
import { type Fp8Scales, GEMM_FP8_OBJECTS, launchGemmFp8, scaleStrides } from './gemm-fp8-calls.ts';
import type { GemmScaling } from './gemm-tiles.ts';
import { type HipKernel, type HipOperands, type HipTensor, type OpRun, tensorOf } from './kernel.ts';

/** Columns that a matrix instruction adds up. */
const BLOCK_K = 128;

/** Rows of w for which a wave of the block-scaled kernels reads one scale. */
const ROWS_OF_A_WAVE = 64;

/** Offsets are 32-bit in the kernels, inside of 256 rows of x, w and y and inside of the scales of w. */
const MOST_COLUMNS = 2 ** 22;
const MOST_ROWS_OF_W = 2 ** 20;
const MOST_SCALES = 2 ** 29 - 1;
const MOST_ROWS = 2 ** 31 - 1;

/** What the fp8 kernels leave out. `blockK` columns share a scale. */
export function gemmFp8Support(
  operands: Readonly<Record<string, TensorSpec>>,
  blockK: number | undefined = BLOCK_K,
): Support {
  const { x, w } = operands;
  const [M = 0, K = 0] = x?.layout.shape ?? [];
  const [N = 0] = w?.layout.shape ?? [];
  if (x?.type === 'e4m3fnuz') {
    return { supported: false, reason: 'the matrix instructions of gfx950 know no fnuz formats: use the cpu backend.' };
  }
  if (blockK !== BLOCK_K && blockK < K) {
    return {
      supported: false,
      reason: `a scale for every ${blockK} columns, but a matrix instruction adds up ${BLOCK_K}: use the cpu backend.`,
    };
  }
  const scales = operands.w_scale?.layout.size ?? 0;
  if (M > MOST_ROWS || N > MOST_ROWS_OF_W || K > MOST_COLUMNS || scales > MOST_SCALES) {
    return { supported: false, reason: `[${M}, ${N}, ${K}] exceeds the kernel's 32-bit offsets: use the cpu backend.` };
  }
  return { supported: true };
}

/** One scale for all columns, or one for every 128; one a wave, or for fewer rows of w. */
export function gemmScaling(K: number, blockN: number, blockK: number): GemmScaling {
  if (blockK >= K && (blockK !== BLOCK_K || blockN % ROWS_OF_A_WAVE !== 0)) return 'rows';
  return blockN % ROWS_OF_A_WAVE === 0 ? 'blocks' : 'columns';
}

export function scalesOf(run: OpRun, scale: HipTensor): Fp8Scales {
  const [rowStride, blockStride] = scaleStrides(scale.layout);
  return { address: run.address(scale.buffer), rowStride, blockStride };
}

async function multiplyBlocks(
  run: OpRun,
  params: OpParams<'gemm_a8w8_blockscale'>,
  operands: HipOperands,
  outputs: HipOperands,
  shuffled: boolean,
): Promise<void> {
  const [blockN = BLOCK_K, blockK = BLOCK_K] = params.block ?? [];
  const [x, w] = [tensorOf(operands, 'x'), tensorOf(operands, 'w')];
  const [rows = 0, K = 0] = w.layout.shape;
  await launchGemmFp8(run, {
    x,
    w: { address: run.address(w.buffer), rows, pitch: K, shuffled },
    xScale: scalesOf(run, tensorOf(operands, 'x_scale')),
    wScale: { ...scalesOf(run, tensorOf(operands, 'w_scale')), rowsAScale: blockN },
    scaling: gemmScaling(K, blockN, blockK),
    rounding: params.rounding ?? 'nearest-even',
    y: tensorOf(outputs, 'y'),
  });
}

export const gemmA8w8Blockscale: HipKernel<'gemm_a8w8_blockscale'> = {
  op: 'gemm_a8w8_blockscale',
  objects: GEMM_FP8_OBJECTS,
  supports: ({ block }, operands) => gemmFp8Support(operands, block?.[1]),
  run: (run, params, operands, outputs) => multiplyBlocks(run, params, operands, outputs, false),
};

export const gemmA8w8BlockscaleBpreshuffle: HipKernel<'gemm_a8w8_blockscale_bpreshuffle'> = {
  op: 'gemm_a8w8_blockscale_bpreshuffle',
  objects: GEMM_FP8_OBJECTS,
  supports: ({ block }, operands) => gemmFp8Support(operands, block?.[1]),
  run: (run, params, operands, outputs) => multiplyBlocks(run, params, operands, outputs, true),
};

export const gemmA8w8Bpreshuffle: HipKernel<'gemm_a8w8_bpreshuffle'> = {
  op: 'gemm_a8w8_bpreshuffle',
  objects: GEMM_FP8_OBJECTS,
  supports: (_params, operands) => gemmFp8Support(operands),
  async run(run, { rounding = 'nearest-even' }, operands, outputs) {
    const w = tensorOf(operands, 'w');
    const [rows = 0, columns = 0] = w.layout.shape;
    await launchGemmFp8(run, {
      x: tensorOf(operands, 'x'),
      // Columns beyond those of x are never read.
      w: { address: run.address(w.buffer), rows, pitch: w.layout.dims[1]?.padded ?? columns, shuffled: true },
      xScale: { address: run.address(tensorOf(operands, 'x_scale').buffer), rowStride: 1, blockStride: 0 },
      wScale: {
        address: run.address(tensorOf(operands, 'w_scale').buffer),
        rowStride: 1,
        blockStride: 0,
        rowsAScale: 1,
      },
      scaling: 'rows',
      rounding,
      y: tensorOf(outputs, 'y'),
    });
  },
};
