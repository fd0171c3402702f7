import { BUFFER_USAGE } from '../../backends/webgpu/constants.ts';
import { acquireGpu, releaseGpu } from '../../backends/webgpu/device.ts';

/** Bytes a second that `copyBufferToBuffer` reads on the WebGPU device, the best of several submissions of eight copies. */
export async function copySpeed(byteLength: number): Promise<number> {
  const gpu = await acquireGpu();
  const size = Math.min(byteLength, gpu.limits.maxBufferSize);
  const usage = BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyTarget;
  const [from, to] = [0, 1].map(() => gpu.device.createBuffer({ size, usage })) as [GPUBuffer, GPUBuffer];
  const copies = 8;
  let best = 0;
  for (let round = 0; round < 6; round += 1) {
    const start = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    for (let copy = 0; copy < copies; copy += 1) encoder.copyBufferToBuffer(from, 0, to, 0, size);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
    best = Math.max(best, (copies * size) / ((performance.now() - start) / 1000));
  }
  from.destroy();
  to.destroy();
  await releaseGpu(gpu);
  return best;
}
