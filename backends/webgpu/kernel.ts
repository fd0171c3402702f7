import type { GpuArray, GpuRange } from './buffers.ts';
import { paddedSize, requireMemory } from './buffers.ts';
import { BUFFER_USAGE } from './constants.ts';
import { KernelError } from './errors.ts';
import type { CompiledKernel, Gpu } from './gpu.ts';
import { gridFor } from './grid.ts';
import { compiledKernel, type KernelVariant, kernelName } from './pipeline.ts';

/**
 * What a kernel reads or writes: a whole array, a window of one, or parameters as 32-bit words, which travel with the
 * call and may be declared `uniform` or `storage, read`.
 */
export type Binding = GpuArray | GpuRange | Uint32Array;

export interface KernelCall extends KernelVariant {
  /** For `@binding(0)`, `@binding(1)`, … */
  readonly bindings: readonly Binding[];
  /** How many are needed, counted in one dimension; see `gridFor` for how shaders number them. Zero: nothing runs. */
  readonly workgroups: number;
}

/**
 * Runs kernels in order, each seeing what the ones before wrote, in one submission. Resolves when the device has accepted
 * them, not when they are done: a download waits by itself.
 *
 * @throws KernelError naming op and kernel on a shader error, an invalid binding or an internal error
 * @throws DeviceMemoryError, DeviceLostError
 */
export async function runKernels(gpu: Gpu, op: string, calls: readonly KernelCall[]): Promise<void> {
  const wanted = calls.filter(({ workgroups }) => workgroups > 0);
  const compiled = await Promise.all(wanted.map((call) => compiledKernel(gpu, op, call)));
  if (wanted.length === 0) return;
  const { device } = gpu;
  const dispatches = wanted.map((call, index): Dispatch => {
    const kernel = compiled[index] as CompiledKernel;
    checkBindings(gpu, op, call, kernel);
    return { call, kernel, grid: gridFor(call.workgroups, gpu.limits.maxComputeWorkgroupsPerDimension) };
  });

  // From here to the last pop nothing is awaited and nothing throws: error scopes are a stack, and other runs may come in
  // between.
  for (const filter of SCOPES.toReversed()) device.pushErrorScope(filter);
  submit(gpu, op, dispatches);
  const scopes = SCOPES.map(() => device.popErrorScope());

  // A lost device may never answer.
  const [invalid, memory, internal] = await Promise.race([Promise.all(scopes), gpu.lost]);
  // Errors arrive in order, so those of the buffers are here: a kernel that got an invalid one fails for that reason.
  requireMemory(gpu);
  const kernels = [...new Set(wanted.map(kernelName))].join(', ');
  if (memory) throw new KernelError(op, kernels, `the device ran out of memory: ${memory.message}`);
  const error = invalid ?? internal;
  if (error) throw new KernelError(op, kernels, error.message);
}

/** Runs one kernel; see `runKernels`. */
export async function runKernel(gpu: Gpu, op: string, call: KernelCall): Promise<void> {
  await runKernels(gpu, op, [call]);
}

/** In the order in which they are popped, which is the reverse of the order of pushing. */
const SCOPES = ['validation', 'out-of-memory', 'internal'] as const;

interface Dispatch {
  readonly call: KernelCall;
  readonly kernel: CompiledKernel;
  readonly grid: readonly [number, number, number];
}

function submit(gpu: Gpu, op: string, dispatches: readonly Dispatch[]): void {
  const { device } = gpu;
  const parameters = parameterBuffer(gpu, op, dispatches);
  let used = 0;
  const resource = (binding: Binding): GPUBufferBinding => {
    if (binding instanceof Uint32Array) {
      const offset = parameters?.offsets[used] ?? 0;
      used += 1;
      return { buffer: parameters?.buffer as GPUBuffer, offset, size: parameterSize(binding) };
    }
    if ('array' in binding) return { buffer: binding.array.buffer, offset: binding.start, size: binding.byteLength };
    return { buffer: binding.buffer };
  };
  const encoder = device.createCommandEncoder({ label: op });
  const pass = encoder.beginComputePass({ label: op });
  for (const { call, kernel, grid } of dispatches) {
    const entries = call.bindings.map((binding, number) => ({ binding: number, resource: resource(binding) }));
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, device.createBindGroup({ label: kernelName(call), layout: kernel.layout, entries }));
    pass.dispatchWorkgroups(...grid);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
  // Destroyed buffers live on until the work submitted before is done.
  parameters?.buffer.destroy();
}

/** All parameters of a submission in one buffer, in the order of the bindings: making a buffer costs more than filling it. */
function parameterBuffer(
  gpu: Gpu,
  op: string,
  dispatches: readonly Dispatch[],
): { readonly buffer: GPUBuffer; readonly offsets: readonly number[] } | undefined {
  const words = dispatches.flatMap(({ call }) => call.bindings.filter((binding) => binding instanceof Uint32Array));
  if (words.length === 0) return undefined;
  const alignment = Math.max(gpu.alignment, gpu.device.limits.minUniformBufferOffsetAlignment);
  const offsets: number[] = [];
  let end = 0;
  for (const one of words) {
    const start = Math.ceil(end / alignment) * alignment;
    offsets.push(start);
    end = start + parameterSize(one);
  }
  const usage = BUFFER_USAGE.uniform | BUFFER_USAGE.storage;
  const buffer = gpu.device.createBuffer({ label: `${op} parameters`, size: end, usage, mappedAtCreation: true });
  const mapped = new Uint32Array(buffer.getMappedRange());
  for (const [index, one] of words.entries()) mapped.set(one, (offsets[index] as number) / 4);
  buffer.unmap();
  return { buffer, offsets };
}

/** Uniform structs are rounded up to 16 bytes. */
function parameterSize(words: Uint32Array): number {
  return Math.max(16, Math.ceil(words.byteLength / 16) * 16);
}

function checkBindings(gpu: Gpu, op: string, call: KernelCall, { bindings }: CompiledKernel): void {
  if (bindings.length !== call.bindings.length) {
    throw new KernelError(
      op,
      kernelName(call),
      `got ${call.bindings.length} bindings, its shader declares ${bindings.length}.`,
    );
  }
  const limit = gpu.limits.maxStorageBufferBindingSize;
  for (const [number, binding] of call.bindings.entries()) {
    const size = paddedSize(binding.byteLength);
    if (size <= limit) continue;
    const message = `binding ${number} takes ${size} bytes, this device allows ${limit}. Split it with splitRows.`;
    throw new KernelError(op, kernelName(call), message);
  }
}
