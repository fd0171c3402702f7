import { BUFFER_USAGE, MAP_READ } from './constants.ts';
import { DeviceMemoryError } from './errors.ts';
import type { Gpu } from './gpu.ts';

/** Bytes in a storage buffer. The buffer is padded to whole 32-bit words; new ones hold zeros. */
export interface GpuArray {
  readonly buffer: GPUBuffer;
  /** Bytes in use, which need not be a multiple of four. */
  readonly byteLength: number;
  readonly label: string;
}

/** A part of an array, as a kernel's binding. `start` is a multiple of the device's alignment (`bindWindow`). */
export interface GpuRange {
  readonly array: GpuArray;
  readonly start: number;
  readonly byteLength: number;
}

/** Makes a zeroed array. @throws DeviceMemoryError when the device cannot hold one this large */
export function allocate(gpu: Gpu, byteLength: number, label: string): GpuArray {
  return { buffer: createBuffer(gpu, byteLength, label, false), byteLength, label };
}

export function uploadBytes(gpu: Gpu, bytes: Uint8Array, label: string): GpuArray {
  const buffer = createBuffer(gpu, bytes.byteLength, label, true);
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  return { buffer, byteLength: bytes.byteLength, label };
}

export async function downloadBytes(gpu: Gpu, array: GpuArray): Promise<Uint8Array> {
  if (array.byteLength === 0) return new Uint8Array(0);
  const size = paddedSize(array.byteLength);
  const staging = takeStaging(gpu, size);
  const encoder = gpu.device.createCommandEncoder({ label: `download ${array.label}` });
  encoder.copyBufferToBuffer(array.buffer, 0, staging, 0, size);
  gpu.device.queue.submit([encoder.finish()]);
  // Mapping a buffer that got no memory fails, too: the cause is the better answer.
  const mapped = await Promise.race([staging.mapAsync(MAP_READ, 0, size), gpu.lost]).catch((error: unknown) => error);
  requireMemory(gpu);
  if (mapped !== undefined) throw mapped;
  const bytes = new Uint8Array(staging.getMappedRange(0, size)).slice(0, array.byteLength);
  staging.unmap();
  gpu.staging.push(staging);
  return bytes;
}

/** Gives arrays back. Dawn frees destroyed buffers only at the next submission, so an empty one follows. */
export function release(gpu: Gpu, arrays: readonly GpuArray[]): void {
  if (arrays.length === 0) return;
  for (const { buffer } of arrays) buffer.destroy();
  gpu.device.queue.submit([]);
}

/** Size of the buffer behind an array: whole words, and at least one, since an empty binding is invalid. */
export function paddedSize(byteLength: number): number {
  return Math.max(4, Math.ceil(byteLength / 4) * 4);
}

function createBuffer(gpu: Gpu, byteLength: number, label: string, mappedAtCreation: boolean): GPUBuffer {
  const size = paddedSize(byteLength);
  const { maxBufferSize } = gpu.limits;
  if (size > maxBufferSize) {
    throw new DeviceMemoryError(
      label,
      byteLength,
      `this device allows ${maxBufferSize} bytes in one buffer. Run it in parts, or on the cpu backend.`,
    );
  }
  const usage = BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyTarget;
  gpu.device.pushErrorScope('out-of-memory');
  try {
    return gpu.device.createBuffer({ label, size, usage, mappedAtCreation });
  } catch (cause) {
    // Mapping at creation throws a RangeError when the host has no memory for it.
    throw new DeviceMemoryError(label, byteLength, `it could not be made (${String(cause)}).`);
  } finally {
    noteFailure(gpu, label, byteLength);
  }
}

/** Whether there was room for a buffer is known later; until then it counts as made. `requireMemory` reports it. */
function noteFailure(gpu: Gpu, label: string, byteLength: number): void {
  const note = (error: GPUError | null): void => {
    if (error === null) return;
    // Dawn adds a stack trace of its own.
    const [reason] = error.message.split('\n');
    const message = `the device has no memory left for it (${reason}).`;
    gpu.failures.push(new DeviceMemoryError(label, byteLength, message));
  };
  // A lost device answers with a rejection, and says so elsewhere.
  gpu.device.popErrorScope().then(note, () => undefined);
}

/** @throws DeviceMemoryError when some buffer could not be made since the last call */
export function requireMemory(gpu: Gpu): void {
  const [failure] = gpu.failures.splice(0);
  if (failure !== undefined) throw failure;
}

/** The smallest waiting readback buffer that is large enough, or a new one of the next power of two. */
function takeStaging(gpu: Gpu, size: number): GPUBuffer {
  const fitting = gpu.staging.filter((buffer) => buffer.size >= size).sort((a, b) => a.size - b.size);
  const reused = fitting[0];
  if (reused !== undefined) {
    gpu.staging.splice(gpu.staging.indexOf(reused), 1);
    return reused;
  }
  // Larger needs come in rising order; the smaller buffers would only wait.
  for (const buffer of gpu.staging.splice(0)) buffer.destroy();
  const rounded = Math.min(2 ** Math.ceil(Math.log2(Math.max(size, 65536))), gpu.device.limits.maxBufferSize);
  return gpu.device.createBuffer({
    label: 'readback',
    size: Math.max(size, rounded),
    usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyTarget,
  });
}
