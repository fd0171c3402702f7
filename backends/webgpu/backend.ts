import { PreshuffleError, UnsupportedOpError } from '../../src/errors.ts';
import type { OpDefinition, Operands } from '../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpOutputs, type OpParams, ops } from '../../src/ops/registry.ts';
import { materialize, storageBytes } from '../../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../../src/tensor/tensor.ts';
import type { Backend, DeviceInfo, DeviceTensor, Support } from '../backend.ts';
import { KernelContext, type KernelLimits } from './context.ts';
import { acquireDevice, type OpenDevice, releaseDevice } from './device.ts';
import { kernels } from './kernels/index.ts';
import type { GpuTensor } from './kernels/kernel.ts';

export interface WebGpuOptions {
  /** Pretends that the device has lower limits, to see how large tensors are split. */
  readonly limits?: Partial<KernelLimits>;
}

/**
 * Opens the WebGPU backend: `navigator.gpu` in browsers, Dawn in Node, software Vulkan where there is no GPU.
 * @throws BackendUnavailableError
 */
export async function openWebGpu(options: WebGpuOptions = {}): Promise<Backend> {
  return new WebGpuBackend(await acquireDevice(), options);
}

class WebGpuBackend implements Backend {
  readonly id = 'webgpu';
  readonly device: DeviceInfo;
  readonly #context: KernelContext;
  readonly #resident = new Set<DeviceTensor>();
  #disposed = false;

  constructor(opened: OpenDevice, options: WebGpuOptions) {
    this.device = { name: opened.name, facts: opened.facts };
    this.#context = new KernelContext(opened.device, options.limits);
  }

  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support {
    const kernel = kernels.get(op);
    if (kernel === undefined) return { supported: false, reason: missingKernel(op) };
    return kernel.supports?.(params, operands as Readonly<Record<string, TensorSpec>>) ?? { supported: true };
  }

  async run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>> {
    const host = Object.entries(operands as Readonly<Record<string, Tensor | undefined>>);
    const inputs: Record<string, DeviceTensor> = {};
    let outputs: Readonly<Record<string, DeviceTensor>> = {};
    try {
      for (const [name, tensor] of host) if (tensor !== undefined) inputs[name] = await this.upload(tensor);
      outputs = await this.runOnDevice(op, params, inputs, operands as Operands);
      const downloads = Object.entries(outputs).map(async ([name, tensor]) => [name, await this.download(tensor)] as const);
      return Object.fromEntries(await Promise.all(downloads)) as OpOutputs<N>;
    } finally {
      for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) this.free(tensor);
    }
  }

  async upload(tensor: Tensor): Promise<DeviceTensor> {
    this.#requireOpen();
    const { bytes, ...spec } = tensor;
    return this.#adopt(spec, this.#context.upload(bytes));
  }

  async download(tensor: DeviceTensor): Promise<Tensor> {
    const gpu = this.#find(tensor);
    const bytes = await this.#context.download(gpu.buffer, storageBytes(gpu));
    const { buffer: _buffer, backend: _backend, ...spec } = gpu;
    return materialize(spec, bytes);
  }

  free(tensor: DeviceTensor): void {
    const { buffer } = this.#find(tensor);
    this.#resident.delete(tensor);
    this.#context.destroy([buffer]);
  }

  async runOnDevice<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: Readonly<Record<string, DeviceTensor>>,
    /** Host copies, where the caller has them: some plans read small operands. */
    host?: Operands,
  ): Promise<Readonly<Record<string, DeviceTensor>>> {
    this.#requireOpen();
    const kernel = kernels.get(op);
    if (kernel === undefined) throw new UnsupportedOpError('webgpu', op, missingKernel(op));
    const inputs = Object.fromEntries(Object.entries(operands).map(([name, tensor]) => [name, this.#find(tensor)]));
    const support = kernel.supports?.(params, inputs) ?? { supported: true };
    if (!support.supported) throw new UnsupportedOpError('webgpu', op, support.reason);
    const definition = ops[op] as unknown as OpDefinition;
    const outputs = definition.plan(params, host ?? (inputs as unknown as Operands)) as Readonly<Record<string, TensorSpec>>;
    const context = this.#context;
    const buffers = await context.scoped(op, () => kernel.run({ context, params, operands: inputs, outputs }));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, spec]) => {
        const buffer = buffers[name];
        if (buffer === undefined) throw new Error(`internal: kernel ${op} returned no output "${name}"`);
        return [name, this.#adopt(spec, buffer)];
      }),
    );
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    for (const tensor of [...this.#resident]) this.free(tensor);
    this.#disposed = true;
    await releaseDevice();
  }

  #adopt(spec: TensorSpec, buffer: GPUBuffer): GpuTensor {
    const tensor: GpuTensor = { ...spec, backend: 'webgpu', buffer };
    this.#resident.add(tensor);
    return tensor;
  }

  #find(tensor: DeviceTensor): GpuTensor {
    this.#requireOpen();
    if (!this.#resident.has(tensor)) {
      throw new PreshuffleError(
        'device-tensor',
        `tensor "${tensor.name}" is not on this webgpu backend: it was freed, or belongs to another backend. Upload it again.`,
      );
    }
    return tensor as GpuTensor;
  }

  #requireOpen(): void {
    if (this.#disposed) throw new PreshuffleError('disposed', 'this webgpu backend was disposed. Open it again.');
  }
}

function missingKernel(op: string): string {
  return `no WGSL kernel for ${op} yet; use the cpu backend`;
}
