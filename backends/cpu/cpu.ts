import { PreshuffleError } from '../../src/errors.ts';
import type { Layout } from '../../src/layout/layout.ts';
import type { OpDefinition } from '../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpOutputs, type OpParams, ops } from '../../src/ops/registry.ts';
import { assume } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import type { Backend, BackendProbe, DeviceInfo, DeviceTensor } from '../backend.ts';

/** On the CPU a device tensor is the tensor itself. */
interface CpuTensor extends DeviceTensor {
  readonly backend: 'cpu';
}

/** Opens the reference backend: every op, single-threaded, in whatever runs this JavaScript. */
export function openCpu(): Backend {
  return new CpuBackend();
}

export async function probeCpu(): Promise<BackendProbe> {
  const device = describe();
  return { id: 'cpu', available: true, summary: device.name, facts: device.facts, tried: [] };
}

class CpuBackend implements Backend {
  readonly id = 'cpu';
  readonly device: DeviceInfo = describe();
  readonly #resident = new Map<DeviceTensor, Tensor>();

  supports(): { readonly supported: true } {
    return { supported: true };
  }

  async run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>> {
    const definition = ops[op] as unknown as OpDefinition;
    return definition.reference(params, operands as Readonly<Record<string, Tensor>>) as OpOutputs<N>;
  }

  async upload(tensor: Tensor): Promise<CpuTensor> {
    const { bytes: _bytes, ...spec } = tensor;
    const handle: CpuTensor = { ...spec, backend: 'cpu' };
    this.#resident.set(handle, tensor);
    return handle;
  }

  async download(handle: DeviceTensor): Promise<Tensor> {
    return this.#find(handle);
  }

  relabel(handle: DeviceTensor, claim: { readonly layout: Layout; readonly name?: string }): DeviceTensor {
    const relabelled = assume(this.#find(handle), { ...handle, ...claim });
    this.#resident.delete(handle);
    const { bytes: _bytes, ...spec } = relabelled;
    const moved: CpuTensor = { ...spec, backend: 'cpu' };
    this.#resident.set(moved, relabelled);
    return moved;
  }

  free(handle: DeviceTensor): void {
    this.#find(handle);
    this.#resident.delete(handle);
  }

  async runOnDevice<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Readonly<Record<string, DeviceTensor>>> {
    const host = Object.fromEntries(Object.entries(operands).map(([name, handle]) => [name, this.#find(handle)]));
    const outputs = await this.run(op, params, host as OpOperands<N>);
    const entries = Object.entries(outputs as Readonly<Record<string, Tensor>>);
    return Object.fromEntries(
      await Promise.all(entries.map(async ([name, tensor]) => [name, await this.upload(tensor)] as const)),
    );
  }

  async dispose(): Promise<void> {
    this.#resident.clear();
  }

  #find(handle: DeviceTensor): Tensor {
    const found = this.#resident.get(handle);
    if (found === undefined) {
      throw new PreshuffleError(
        'device-tensor',
        `tensor "${handle.name}" is not on the cpu backend: it was freed, or belongs to another backend. Upload it again.`,
      );
    }
    return found;
  }
}

function describe(): DeviceInfo {
  const runtime = globalThis.process?.versions?.node;
  const name = runtime === undefined ? 'JavaScript reference (browser)' : `JavaScript reference (Node ${runtime})`;
  return { name, facts: runtime === undefined ? {} : { node: runtime, arch: globalThis.process.arch } };
}
