import { PreshuffleError, UnsupportedOpError } from '../src/errors.ts';
import type { Layout } from '../src/layout/layout.ts';
import type { OpDefinition } from '../src/ops/op.ts';
import { type OpName, type OpOperands, type OpOutputs, type OpParams, ops } from '../src/ops/registry.ts';
import { storageBytes, TensorBytesError } from '../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../src/tensor/tensor.ts';
import type { Backend, BackendId, DeviceInfo, DeviceTensor, Support } from './backend.ts';

type ByName<T> = Readonly<Record<string, T>>;

/**
 * What backends with memory of their own have in common: which tensors are theirs, and how an op goes from operands to outputs.
 * What is left to each is memory, transfers and kernels.
 */
export abstract class DeviceBackend<Handle extends DeviceTensor> implements Backend {
  abstract readonly id: BackendId;
  abstract readonly device: DeviceInfo;
  /** The function that opens such a backend, for messages. */
  protected abstract readonly opener: string;
  readonly #resident = new Set<DeviceTensor>();
  #open = true;

  abstract supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support;
  abstract upload(source: Tensor): Promise<Handle>;
  abstract download(handle: DeviceTensor): Promise<Tensor>;

  /** Memory for a tensor; what is in it does not matter. */
  protected abstract allocate(spec: TensorSpec): Handle;
  /** Bytes of its memory. */
  protected abstract byteLength(handle: Handle): number;
  /** Takes a tensor that is surely one of ours off the list, and gives its memory back. */
  protected abstract drop(handle: Handle): void;
  /** Runs the kernel of an op that is supported. */
  protected abstract launch<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: ByName<Handle>,
    outputs: ByName<Handle>,
  ): Promise<void>;
  /** Lets go of the device. @param left tensors that nobody freed */
  protected abstract close(left: readonly Handle[]): Promise<void>;

  async run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>> {
    const given = Object.entries(operands as ByName<Tensor | undefined>);
    const host = given.filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
    const plan = this.#plan(op, params, Object.fromEntries(host));
    const uploaded: [string, Handle][] = [];
    let outputs: ByName<Handle> = {};
    try {
      for (const [name, operand] of host) uploaded.push([name, await this.upload(operand)]);
      outputs = await this.#execute(op, params, Object.fromEntries(uploaded), plan);
      const results: [string, Tensor][] = [];
      for (const [name, output] of Object.entries(outputs)) results.push([name, await this.download(output)]);
      return Object.fromEntries(results) as OpOutputs<N>;
    } finally {
      for (const handle of [...uploaded.map(([, operand]) => operand), ...Object.values(outputs)]) this.drop(handle);
    }
  }

  async runOnDevice<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: ByName<DeviceTensor>,
  ): Promise<ByName<DeviceTensor>> {
    const found = Object.fromEntries(Object.entries(operands).map(([name, handle]) => [name, this.find(handle)]));
    const specs = Object.fromEntries(Object.entries(found).map(([name, handle]) => [name, withoutBytes(op, handle)]));
    return this.#execute(op, params, found, this.#plan(op, params, specs));
  }

  relabel(handle: DeviceTensor, claim: { readonly layout: Layout; readonly name?: string }): Handle {
    const found = this.find(handle);
    const moved: Handle = { ...found, ...claim };
    const [expected, there] = [storageBytes(moved), this.byteLength(found)];
    if (expected !== there) {
      throw new TensorBytesError(
        moved.name,
        `${there} bytes are on the device, but ${moved.type} [${moved.layout.shape.join(', ')}] in layout ` +
          `${moved.layout.id} takes ${expected} bytes. Check shape and padding.`,
      );
    }
    this.forget(found);
    return this.keep(moved);
  }

  free(handle: DeviceTensor): void {
    this.drop(this.find(handle));
  }

  async dispose(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    const left = [...this.#resident] as Handle[];
    this.#resident.clear();
    await this.close(left);
  }

  /** Lists a tensor as one of ours. */
  protected keep(handle: Handle): Handle {
    this.#resident.add(handle);
    return handle;
  }

  /** Whether it was on the list. */
  protected forget(handle: Handle): boolean {
    return this.#resident.delete(handle);
  }

  protected find(handle: DeviceTensor): Handle {
    this.requireOpen();
    if (this.#resident.has(handle)) return handle as Handle;
    throw new PreshuffleError(
      'device-tensor',
      `tensor "${handle.name}" is not on this ${this.id} backend: it was freed, or belongs to another backend. Upload it again.`,
    );
  }

  protected requireOpen(): void {
    if (this.#open) return;
    throw new PreshuffleError(
      'backend-disposed',
      `this ${this.id} backend was disposed. Open it again with ${this.opener}().`,
    );
  }

  /** The op's own checks, then whether there is a kernel: a wrong operand is reported as such on every backend. */
  #plan<N extends OpName>(op: N, params: OpParams<N>, operands: ByName<Tensor>): ByName<TensorSpec> {
    this.requireOpen();
    const plan = (ops[op] as unknown as OpDefinition).plan(params, operands);
    const support = this.supports(op, params, operands as OpOperands<N>);
    if (!support.supported) throw new UnsupportedOpError(this.id, op, support.reason);
    return plan;
  }

  async #execute<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: ByName<Handle>,
    plan: ByName<TensorSpec>,
  ): Promise<ByName<Handle>> {
    const outputs: Record<string, Handle> = {};
    try {
      for (const [name, spec] of Object.entries(plan)) outputs[name] = this.keep(this.allocate(spec));
      await this.launch(op, params, operands, outputs);
      return outputs;
    } catch (error) {
      for (const output of Object.values(outputs)) this.drop(output);
      throw error;
    }
  }
}

/** Plans look at specs. One that needs the values of an operand cannot be planned for a tensor that is on the device. */
function withoutBytes(op: string, { name, type, layout, scaling }: DeviceTensor): Tensor {
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
