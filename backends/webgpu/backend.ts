import { PreshuffleError, UnsupportedOpError } from '../../src/errors.ts';
import type { Layout } from '../../src/layout/layout.ts';
import type { OpDefinition } from '../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpOutputs, type OpParams, ops } from '../../src/ops/registry.ts';
import { storageBytes, TensorBytesError, tensor } from '../../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../../src/tensor/tensor.ts';
import type { Backend, DeviceInfo, DeviceTensor, Support } from '../backend.ts';
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

class WebGpuBackend implements Backend {
  readonly id = 'webgpu';
  readonly device: DeviceInfo;
  readonly #gpu: Gpu;
  readonly #resident = new Set<DeviceTensor>();
  #open = true;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.device = { name: adapterName(gpu.found.adapter.info), facts: facts(gpu.found) };
  }

  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support {
    return supportOf(op, params, operands as Readonly<Record<string, TensorSpec>>);
  }

  async run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>> {
    const given = Object.entries(operands as Readonly<Record<string, Tensor | undefined>>);
    const host = given.filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
    const plan = this.#plan(op, params, Object.fromEntries(host));
    const uploaded: GpuTensor[] = [];
    let outputs: GpuOperands = {};
    try {
      for (const [, operand] of host) uploaded.push(await this.upload(operand));
      outputs = await this.#execute(
        op,
        params,
        Object.fromEntries(host.map(([name], at) => [name, uploaded[at] as GpuTensor])),
        plan,
      );
      const results: [string, Tensor][] = [];
      for (const [name, output] of Object.entries(outputs)) results.push([name, await this.download(output)]);
      return Object.fromEntries(results) as OpOutputs<N>;
    } finally {
      for (const handle of [...uploaded, ...Object.values(outputs)]) this.free(handle);
    }
  }

  async upload(source: Tensor): Promise<GpuTensor> {
    this.#requireOpen();
    const { bytes, ...spec } = source;
    return this.#keep({ ...spec, backend: 'webgpu', array: uploadBytes(this.#gpu, bytes, source.name) });
  }

  async download(handle: DeviceTensor): Promise<Tensor> {
    const { array, name, type, layout, scaling } = this.#find(handle);
    return tensor(name, type, layout, await downloadBytes(this.#gpu, array), scaling);
  }

  relabel(handle: DeviceTensor, claim: { readonly layout: Layout; readonly name?: string }): GpuTensor {
    const found = this.#find(handle);
    const moved: GpuTensor = { ...found, ...claim };
    const expected = storageBytes(moved);
    if (expected !== found.array.byteLength) {
      throw new TensorBytesError(
        moved.name,
        `${found.array.byteLength} bytes are on the device, but ${moved.type} [${moved.layout.shape.join(', ')}] in layout ` +
          `${moved.layout.id} takes ${expected} bytes. Check shape and padding.`,
      );
    }
    this.#resident.delete(found);
    return this.#keep(moved);
  }

  free(handle: DeviceTensor): void {
    const found = this.#find(handle);
    this.#resident.delete(found);
    release(this.#gpu, [found.array]);
  }

  async runOnDevice<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Readonly<Record<string, DeviceTensor>>> {
    const found = Object.fromEntries(Object.entries(operands).map(([name, handle]) => [name, this.#find(handle)]));
    const specs = Object.fromEntries(Object.entries(found).map(([name, handle]) => [name, withoutBytes(op, handle)]));
    return this.#execute(op, params, found, this.#plan(op, params, specs));
  }

  async dispose(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    release(
      this.#gpu,
      [...this.#resident].map((handle) => (handle as GpuTensor).array),
    );
    this.#resident.clear();
    await releaseGpu(this.#gpu);
  }

  /** The op's own checks, then whether there is a kernel: a wrong operand is reported as such on every backend. */
  #plan<N extends OpName>(op: N, params: OpParams<N>, operands: Readonly<Record<string, Tensor>>): Plan {
    this.#requireOpen();
    const plan = (ops[op] as unknown as OpDefinition).plan(params, operands);
    const support = supportOf(op, params, operands);
    if (!support.supported) throw new UnsupportedOpError('webgpu', op, support.reason);
    return plan;
  }

  async #execute<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: GpuOperands,
    plan: Plan,
  ): Promise<GpuOperands> {
    const kernel = kernelFor(op);
    if (typeof kernel === 'string') throw new UnsupportedOpError('webgpu', op, kernel);
    const outputs: Record<string, GpuTensor> = {};
    try {
      for (const [name, spec] of Object.entries(plan)) {
        outputs[name] = this.#keep({
          ...spec,
          backend: 'webgpu',
          array: allocate(this.#gpu, storageBytes(spec), spec.name),
        });
      }
      await withRun(this.#gpu, op, (run) => kernel.run(run, params, operands, outputs));
      return outputs;
    } catch (error) {
      for (const output of Object.values(outputs)) this.free(output);
      throw error;
    }
  }

  #keep(handle: GpuTensor): GpuTensor {
    this.#resident.add(handle);
    return handle;
  }

  #find(handle: DeviceTensor): GpuTensor {
    this.#requireOpen();
    if (this.#resident.has(handle)) return handle as GpuTensor;
    throw new PreshuffleError(
      'device-tensor',
      `tensor "${handle.name}" is not on this webgpu backend: it was freed, or belongs to another backend. Upload it again.`,
    );
  }

  #requireOpen(): void {
    if (this.#open) return;
    throw new PreshuffleError('backend-disposed', 'this webgpu backend was disposed. Open it again with openWebGpu().');
  }
}

type Plan = Readonly<Record<string, TensorSpec>>;

function supportOf<N extends OpName>(
  op: N,
  params: OpParams<N>,
  operands: Readonly<Record<string, TensorSpec>>,
): Support {
  const kernel = kernelFor(op);
  if (typeof kernel === 'string') return { supported: false, reason: kernel };
  return kernel.supports?.(params, operands) ?? { supported: true };
}

/** Plans look at specs. One that needs the values of an operand cannot be planned for a tensor that is on the device. */
function withoutBytes(op: string, { name, type, layout, scaling }: GpuTensor): Tensor {
  return {
    name,
    type,
    layout,
    ...(scaling === undefined ? {} : { scaling }),
    get bytes(): Uint8Array {
      throw new PreshuffleError(
        'device-tensor',
        `${op} reads the values of "${name}" to plan its outputs. Use run() with host tensors.`,
      );
    },
  };
}
