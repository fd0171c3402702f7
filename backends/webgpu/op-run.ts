import type { Layout } from '../../src/layout/layout.ts';
import { allocate, type GpuArray, release } from './buffers.ts';
import type { Gpu } from './gpu.ts';
import { type KernelCall, runKernels } from './kernel.ts';
import type { OpRun } from './kernels/kernel.ts';
import { permuteCalls } from './kernels/permute.ts';

/** Gives an op its run, and takes its scratch memory back afterwards. */
export async function withRun<T>(gpu: Gpu, op: string, action: (run: OpRun) => Promise<T>): Promise<T> {
  const scratch: GpuArray[] = [];
  const dispatch = (...calls: readonly KernelCall[]): Promise<void> => runKernels(gpu, op, calls);
  try {
    return await action({
      gpu,
      op,
      scratch(byteLength, label) {
        const array = allocate(gpu, byteLength, `${op} ${label}`);
        scratch.push(array);
        return array;
      },
      dispatch,
      permute(from: GpuArray, fromLayout: Layout, to: GpuArray, toLayout: Layout, bits: number, fill = 0) {
        return dispatch(...permuteCalls(gpu, { from, fromLayout, to, toLayout, bits, fill }));
      },
    });
  } finally {
    release(gpu, scratch);
  }
}
