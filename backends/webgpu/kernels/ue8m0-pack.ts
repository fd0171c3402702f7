import { packScaleRows } from '../../../src/ops/shared/groups-packed-scale.ts';
import { downloadBytes, type GpuArray } from '../buffers.ts';
import type { Gpu } from '../gpu.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { packCalls } from './quant-calls.ts';

export const packUe8m0: WebGpuKernel<'pack_ue8m0_to_int'> = {
  op: 'pack_ue8m0_to_int',
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const groups = x.layout.shape.at(-1) ?? 1;
    const invalid = run.scratch(4, 'invalid scale');
    const packed = tensorOf(outputs, 'y').array;
    await run.dispatch(...packCalls(run.gpu, x.array, x.layout.size / groups, groups, 23, packed, invalid));
    const [found] = new Uint32Array((await downloadBytes(run.gpu, invalid)).buffer);
    // Packing keeps exponents only and would cut any other number silently. The reference says which one it is.
    if (found !== 0) packScaleRows(run.op, 'x', await downloadFloats(run.gpu, x.array), groups);
  },
};

async function downloadFloats(gpu: Gpu, array: GpuArray): Promise<Float32Array> {
  return new Float32Array((await downloadBytes(gpu, array)).buffer);
}
