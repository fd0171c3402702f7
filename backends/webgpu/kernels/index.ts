import type { OpName } from '../../../src/ops/registry.ts';
import type { WebGpuKernel } from './kernel.ts';
import { permute } from './permute.ts';

/** Every op that runs on WebGPU. To add one: write `kernels/NAME.ts` and list it here, in alphabetical order. */
const KERNELS: readonly WebGpuKernel<never>[] = [permute];

const byOp = new Map<string, WebGpuKernel<never>>(KERNELS.map((kernel) => [kernel.op, kernel]));

/** Ops that are left out on purpose, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  fused_moe_mxfp4: 'MoE kernels are not in the WebGPU backend yet: use the cpu backend.',
  moe_sorting: 'MoE kernels are not in the WebGPU backend yet: use the cpu backend.',
  swiglu: 'MoE kernels are not in the WebGPU backend yet: use the cpu backend.',
};

/** The kernel of an op, or the reason why there is none. */
export function kernelFor<N extends OpName>(op: N): WebGpuKernel<N> | string {
  const kernel = byOp.get(op) as WebGpuKernel<N> | undefined;
  return kernel ?? LEFT_OUT[op] ?? `there is no WebGPU kernel for ${op}: use the cpu backend.`;
}
