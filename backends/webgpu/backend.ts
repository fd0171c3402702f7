import { UnsupportedOpError } from '../../src/errors.ts';
import type { OpName, OpOperands, OpParams } from '../../src/ops/registry.ts';
import { storageBytes, tensor } from '../../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../../src/tensor/tensor.ts';
import type { Backend, DeviceInfo, DeviceTensor, Support } from '../backend.ts';
import { DeviceBackend } from '../device-backend.ts';
import { adapterName } from './adapter-info.ts';
import { allocate, downloadBytes, release, uploadBytes } from './buffers.ts';
import { acquireGpu, type GpuOptions, releaseGpu } from './device.ts';
import type { Gpu } from './gpu.ts';
import { kernelFor } from './kernels/index.ts';
import type { GpuOperands, GpuTensor } from './kernels/kernel.ts';
import { withRun } from './op-run.ts';
import { facts } from './probe.ts';

/**
 * Opens the WebGPU backend. Backends with the same options share one device.
 * @throws BackendUnavailableError listing what was tried
 */
export async function openWebGpu(options: GpuOptions = {}): Promise<Backend> {
  return new WebGpuBackend(await acquireGpu(options));
}

class WebGpuBackend extends DeviceBackend<GpuTensor> {
  readonly id = 'webgpu';
  readonly device: DeviceInfo;
  protected readonly opener = 'openWebGpu';
  readonly #gpu: Gpu;

  constructor(gpu: Gpu) {
    super();
    this.#gpu = gpu;
    this.device = { name: adapterName(gpu.found.adapter.info), facts: facts(gpu.found) };
  }

  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support {
    const kernel = kernelFor(op);
    if (typeof kernel === 'string') return { supported: false, reason: kernel };
    return kernel.supports?.(params, operands as Readonly<Record<string, TensorSpec>>) ?? { supported: true };
  }

  async upload(source: Tensor): Promise<GpuTensor> {
    this.requireOpen();
    const { bytes, ...spec } = source;
    return this.keep({ ...spec, backend: 'webgpu', array: uploadBytes(this.#gpu, bytes, source.name) });
  }

  async download(handle: DeviceTensor): Promise<Tensor> {
    const { array, name, type, layout, scaling } = this.find(handle);
    return tensor(name, type, layout, await downloadBytes(this.#gpu, array), scaling);
  }

  protected allocate(spec: TensorSpec): GpuTensor {
    return { ...spec, backend: 'webgpu', array: allocate(this.#gpu, storageBytes(spec), spec.name) };
  }

  protected byteLength({ array }: GpuTensor): number {
    return array.byteLength;
  }

  /** A backend that was disposed meanwhile says so. */
  protected drop(handle: GpuTensor): void {
    this.forget(this.find(handle));
    release(this.#gpu, [handle.array]);
  }

  protected async launch<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: GpuOperands,
    outputs: GpuOperands,
  ): Promise<void> {
    const kernel = kernelFor(op);
    if (typeof kernel === 'string') throw new UnsupportedOpError('webgpu', op, kernel);
    await withRun(this.#gpu, op, (run) => kernel.run(run, params, operands, outputs));
  }

  protected async close(left: readonly GpuTensor[]): Promise<void> {
    release(
      this.#gpu,
      left.map(({ array }) => array),
    );
    await releaseGpu(this.#gpu);
  }
}
