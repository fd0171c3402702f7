/**
 * The WebGPU backend: `navigator.gpu` in a browser, npm `webgpu` (Dawn) in Node, on a software Vulkan where there is no
 * GPU.
 *
 * @example
 * ```ts
 * import { openWebGpu } from 'preshuffle/backends/webgpu';
 * const backend = await openWebGpu();
 * console.log(backend.device.name);
 * await backend.dispose();
 * ```
 */
export type { AdapterChoice, AdapterKind } from './adapter-info.ts';
export { openWebGpu } from './backend.ts';
export type { GpuOptions } from './device.ts';
export { DeviceLostError, DeviceMemoryError, KernelError } from './errors.ts';
export type { GpuLimits } from './gpu.ts';
export { probeWebGpu } from './probe.ts';
