import { type PackedScaleSizes, packedScaleSizes } from '../../../src/ops/pack-ue8m0-mn-major.ts';
import { packScaleRows } from '../../../src/ops/shared/groups-packed-scale.ts';
import { unpackedScaleSizes } from '../../../src/ops/unpack-ue8m0-scale.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { downloadBytes, type GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import { type GpuTensor, tensorOf, type WebGpuKernel } from './kernel.ts';

function call(sizes: PackedScaleSizes, unpack: boolean, x: GpuArray, y: GpuArray, invalid: GpuArray): KernelCall {
  const { batch, rows, mn, granMn, groups, words } = sizes;
  return {
    shader: 'ue8m0_mn_major',
    constants: { unpack: unpack ? 1 : 0 },
    bindings: [Uint32Array.of(batch, rows, mn, granMn, groups, words, Math.ceil(mn / 4) * 4), x, y, invalid],
    workgroups: Math.ceil(y.byteLength / 4 / 64),
  };
}

/** A spec is all that the sizes need. */
function specOf(handle: GpuTensor): Tensor {
  return handle as unknown as Tensor;
}

export const packUe8m0MnMajor: WebGpuKernel<'pack_ue8m0_mn_major'> = {
  op: 'pack_ue8m0_mn_major',
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const sizes = packedScaleSizes(params, specOf(x));
    const invalid = run.scratch(4, 'invalid scale');
    await run.dispatch(call(sizes, false, x.array, tensorOf(outputs, 'y').array, invalid));
    const [found] = new Uint32Array((await downloadBytes(run.gpu, invalid)).buffer);
    if (found === 0) return;
    // Packing keeps exponents only and would cut any other number silently. The reference says which one it is.
    const values = new Float32Array((await downloadBytes(run.gpu, x.array)).buffer);
    packScaleRows(run.op, x.name, values, sizes.groups);
  },
};

export const unpackUe8m0Scale: WebGpuKernel<'unpack_ue8m0_scale'> = {
  op: 'unpack_ue8m0_scale',
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const sizes = unpackedScaleSizes(params, specOf(x));
    const unused = run.scratch(4, 'invalid scale');
    await run.dispatch(call(sizes, true, x.array, tensorOf(outputs, 'y').array, unused));
  },
};
