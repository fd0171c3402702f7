import type { GpuArray } from '../buffers.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, splitRows } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

function wordCalls(gpu: Gpu, x: GpuArray, y: GpuArray, isScale: boolean): readonly KernelCall[] {
  const words = Math.ceil(x.byteLength / 4);
  // A word is smaller than any binding.
  const parts = splitRows(gpu, words, [4]) ?? [];
  return parts.map(({ start, end }) => {
    const source = bindWindow(gpu, x, start * 4, end * 4);
    const target = bindWindow(gpu, y, start * 4, end * 4);
    return {
      shader: 'normalize_fnuz',
      constants: { is_scale: isScale ? 1 : 0 },
      bindings: [Uint32Array.of(end - start, source.lead / 4, target.lead / 4), source.binding, target.binding],
      workgroups: Math.ceil((end - start) / 256),
    };
  });
}

export const normalizeFnuz: WebGpuKernel<'normalize_e4m3fn_to_e4m3fnuz'> = {
  op: 'normalize_e4m3fn_to_e4m3fnuz',
  async run(run, _params, operands, outputs) {
    const [w, scale] = [tensorOf(operands, 'w').array, tensorOf(operands, 'scale').array];
    const [y, doubled] = [tensorOf(outputs, 'y').array, tensorOf(outputs, 'scale').array];
    await run.dispatch(...wordCalls(run.gpu, w, y, false), ...wordCalls(run.gpu, scale, doubled, true));
  },
};
