import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocate, type GpuArray, uploadBytes } from '../../../backends/webgpu/buffers.ts';
import { acquireGpu, releaseGpu } from '../../../backends/webgpu/device.ts';
import type { Gpu } from '../../../backends/webgpu/gpu.ts';
import { type KernelCall, runKernel, runKernels } from '../../../backends/webgpu/kernel.ts';

let gpu: Gpu;
let x: GpuArray;
let y: GpuArray;
beforeAll(async () => {
  gpu = await acquireGpu({ limits: { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 8 } });
  x = uploadBytes(gpu, new Uint8Array(4096), 'x');
  y = allocate(gpu, 4096, 'y');
});
afterAll(() => releaseGpu(gpu));

/** Copies 1024 words. */
const copy = (): KernelCall => ({
  shader: 'permute',
  constants: { bits: 32, words: 1 },
  bindings: [Uint32Array.of(1024, 0, 1024, 0, 1024, 0, 0), x, y],
  workgroups: 16,
});

describe('a kernel call', () => {
  it('names the op, the kernel and what is wrong with the bindings', async () => {
    await expect(runKernel(gpu, 'op', { ...copy(), bindings: [x, y] })).rejects.toThrow(
      'op: WebGPU kernel permute/main: got 2 bindings, its shader declares 3.',
    );
    const large = allocate(gpu, 8192, 'large');
    await expect(runKernel(gpu, 'op', { ...copy(), bindings: [x, large, y] })).rejects.toThrow(
      'op: WebGPU kernel permute/main: binding 1 takes 8192 bytes, this device allows 4096. Split it with splitRows.',
    );
  });

  it('names the line of a generated block that does not compile', async () => {
    const call = { ...copy(), blocks: { layouts: 'fn fine() {}\nfn broken() -> u32 { return 1.5; }' } };
    await expect(runKernel(gpu, 'op', call)).rejects.toThrow(
      /^op: WebGPU kernel permute\/main: generated layouts:2:\d+: cannot convert value/,
    );
    await expect(runKernel(gpu, 'op', { ...copy(), entryPoint: 'absent' })).rejects.toThrow(
      /permute\/absent: the pipeline could not be made: .*absent/s,
    );
  });

  it('names the kernel when the device refuses it, and runs the next one', async () => {
    // The same buffer cannot be read and written in one dispatch.
    await expect(runKernel(gpu, 'op', { ...copy(), bindings: [Uint32Array.of(1), y, y] })).rejects.toThrow(
      /^op: WebGPU kernel permute\/main: /,
    );
    await expect(runKernel(gpu, 'op', { ...copy(), workgroups: 8 ** 3 + 1 })).rejects.toThrow(
      '513 workgroups do not fit a grid of 8 in each of three dimensions. Split the work.',
    );
    await runKernels(gpu, 'op', [copy(), { ...copy(), workgroups: 0 }]);
  });
});
