import { DEEPGEMM_BLOCK, deepGemmScalesOf } from '../../../src/ops/shared/deepgemm-scales.ts';
import { argumentStruct } from '../args.ts';
import { gemmFp8Support, scalesOf } from './gemm-a8w8.ts';
import { type Fp8Scales, GEMM_FP8_OBJECTS, launchGemmFp8 } from './gemm-fp8-calls.ts';
import { type HipKernel, type HipTensor, type OpRun, tensorOf } from './kernel.ts';

const THREADS = 256;

/** As in gemm-fp8-around.hip. */
const UnpackScalesArgs = argumentStruct('UnpackScalesArgs', [
  { name: 'packed', type: 'ptr' },
  { name: 'scales', type: 'ptr' },
  { name: 'words', type: 'u32' },
  { name: 'rows_padded', type: 'u32' },
]);

export const fp8GemmNt: HipKernel<'fp8_gemm_nt'> = {
  op: 'fp8_gemm_nt',
  objects: GEMM_FP8_OBJECTS,
  supports: (_params, operands) => gemmFp8Support(operands),
  async run(run, _params, operands, outputs) {
    const [w, xScale, wScale] = [tensorOf(operands, 'w'), tensorOf(operands, 'x_scale'), tensorOf(operands, 'w_scale')];
    const [rows = 0, K = 0] = w.layout.shape;
    const packed = deepGemmScalesOf(wScale) === 'packed';
    await launchGemmFp8(run, {
      x: tensorOf(operands, 'x'),
      w: { address: run.address(w.buffer), rows, pitch: K, shuffled: false },
      xScale: packed ? await unpacked(run, xScale) : scalesOf(run, xScale),
      wScale: {
        ...(packed ? await unpacked(run, wScale) : scalesOf(run, wScale)),
        // Packed ones come for each row.
        rowsAScale: packed ? 1 : DEEPGEMM_BLOCK,
      },
      scaling: packed ? 'columns' : 'blocks',
      rounding: 'nearest-even',
      y: tensorOf(outputs, 'y'),
    });
  },
};

/** The float32 scales of packed ones [rows, words]: row after row of one block of K. */
async function unpacked(run: OpRun, scale: HipTensor): Promise<Fp8Scales> {
  const { dims, storageSize } = scale.layout;
  const rowsPadded = dims[0]?.padded ?? 0;
  const address = run.address(run.scratch(storageSize * 4 * 4, scale.name, { zeroed: false }));
  await run.launch({
    object: 'gemm-fp8-around',
    kernel: 'gemm_fp8_unpack_scales',
    struct: UnpackScalesArgs,
    values: {
      packed: run.address(scale.buffer),
      scales: address,
      words: rowsPadded === 0 ? 0 : storageSize / rowsPadded,
      rows_padded: rowsPadded,
    },
    grid: [Math.ceil(storageSize / THREADS), 1, 1],
  });
  return { address, rowStride: 1, blockStride: rowsPadded };
}
