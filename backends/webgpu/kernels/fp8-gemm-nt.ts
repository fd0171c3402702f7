import { scalePackedUe8m0 } from '../../../src/layout/activation-scale.ts';
import { DEEPGEMM_BLOCK, deepGemmScalesOf } from '../../../src/ops/shared/deepgemm-scales.ts';
import { decodeCalls } from './decode.ts';
import { multiplyFp8 } from './gemm-a8w8-blockscale.ts';
import { gemmSupport } from './gemm-calls.ts';
import { type GpuTensor, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';

/**
 * A byte as the exponent field of a float32, for the shader `decode`: width 8, no mantissa, bias 127, the sign beyond the
 * byte. So 0 is zero, where an e8m0 code would be 2^-127, and 255 infinity.
 */
const EXPONENT_FIELD = [8, 0, 127, 0x100, 255, 255, 0] as const;

export const fp8GemmNt: WebGpuKernel<'fp8_gemm_nt'> = {
  op: 'fp8_gemm_nt',
  supports: (_params, operands) => gemmSupport(operands),
  async run(run, _params, operands, outputs) {
    const wScale = tensorOf(operands, 'w_scale');
    const packed = deepGemmScalesOf(wScale) === 'packed';
    const [, depth = 0] = tensorOf(operands, 'x').layout.shape;
    const groups = Math.ceil(depth / DEEPGEMM_BLOCK);
    const scales = packed
      ? {
          x_scale: await unpacked(run, tensorOf(operands, 'x_scale'), groups),
          w_scale: await unpacked(run, wScale, groups),
        }
      : {};
    const block = [packed ? 1 : DEEPGEMM_BLOCK, DEEPGEMM_BLOCK] as const;
    await multiplyFp8(run, { block, rounding: 'nearest-even' }, { ...operands, ...scales }, outputs);
  },
};

/** The float32 scales of packed ones in scratch memory, one for each stored byte and in their order. */
async function unpacked(run: OpRun, scale: GpuTensor, groups: number): Promise<GpuTensor> {
  const [rows = 0] = scale.layout.shape;
  const count = scale.layout.storageSize * 4;
  const array = run.scratch(count * 4, scale.name);
  await run.dispatch(...decodeCalls(run.gpu, EXPONENT_FIELD, scale.array, count, array));
  const { scaling: _, ...rest } = scale;
  return { ...rest, type: 'f32', layout: scalePackedUe8m0([rows, groups]), array };
}
