import { PreshuffleError, UnsupportedOpError } from '../../src/errors.ts';
import type { Layout } from '../../src/layout/layout.ts';
import type { OpDefinition } from '../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpOutputs, type OpParams, ops } from '../../src/ops/registry.ts';
import { storageBytes, TensorBytesError, tensor } from '../../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../../src/tensor/tensor.ts';
import type { Backend, DeviceInfo, DeviceTensor, Support } from '../backend.ts';
import { findAiter } from './aiter/install.ts';
import { type AiterKernels, aiterKernels } from './aiter/kernels.ts';
import { overrideGemmTiles } from './kernels/gemm-tiles.ts';
import { kernelFor } from './kernels/index.ts';
import type { HipKernel, HipOperands, HipTensor } from './kernels/kernel.ts';
import { missingObject, objectFile } from './objects.ts';
import { withRun } from './op-run.ts';
import { deviceName, type FoundHip, findHip, type HipOptions, hipFacts } from './probe.ts';
import { HipSession } from './session.ts';
import { parseTiles, TILES_VARIABLE } from './tiles-file.ts';

/**
 * Opens the HIP backend.
 * @throws BackendUnavailableError listing what was tried
 */
export async function openHipBackend(options: HipOptions = {}): Promise<Backend> {
  const found = await findHip(options);
  const wantsAiter = options.kernel === 'aiter-asm';
  const aiter = wantsAiter ? aiterKernels(findAiter(found.runtime, found.device, options.root)) : undefined;
  useMeasuredTiles(found);
  return new HipBackend(found, aiter);
}

/** Takes the choices that `preshuffle tune` wrote, where the user names them. */
function useMeasuredTiles({ runtime: { environment, node } }: FoundHip): void {
  const file = environment[TILES_VARIABLE];
  if (file === undefined || file === '') return;
  let text: string;
  try {
    text = node.fs.readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PreshuffleError('hip-tiles', `${TILES_VARIABLE} names ${file}, which cannot be read (${String(cause)}).`);
  }
  overrideGemmTiles(parseTiles(text, file).gemm);
}

class HipBackend implements Backend {
  readonly id = 'hip';
  readonly device: DeviceInfo;
  readonly #session: HipSession;
  readonly #aiter: AiterKernels | undefined;
  readonly #resident = new Set<DeviceTensor>();
  #open = true;

  constructor(found: FoundHip, aiter: AiterKernels | undefined) {
    this.#aiter = aiter;
    this.#session = new HipSession(found.runtime, found.device, aiter?.read);
    const facts = hipFacts(found);
    this.device = {
      name: deviceName(found),
      facts: aiter === undefined ? facts : { ...facts, 'AITER kernels': aiter.folder },
    };
  }

  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support {
    return this.#supportOf(op, params, operands as Readonly<Record<string, TensorSpec>>);
  }

  async run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>> {
    const given = Object.entries(operands as Readonly<Record<string, Tensor | undefined>>);
    const host = given.filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
    const plan = this.#plan(op, params, Object.fromEntries(host));
    const uploaded: [string, HipTensor][] = [];
    let outputs: HipOperands = {};
    try {
      for (const [name, operand] of host) uploaded.push([name, await this.upload(operand)]);
      outputs = await this.#execute(op, params, Object.fromEntries(uploaded), plan);
      const results: [string, Tensor][] = [];
      for (const [name, output] of Object.entries(outputs)) results.push([name, await this.download(output)]);
      return Object.fromEntries(results) as OpOutputs<N>;
    } finally {
      for (const handle of [...uploaded.map(([, operand]) => operand), ...Object.values(outputs)]) this.#drop(handle);
    }
  }

  async upload(source: Tensor): Promise<HipTensor> {
    this.#requireOpen();
    const { bytes, ...spec } = source;
    const buffer = this.#session.memory.allocate(bytes.byteLength, source.name);
    const handle = this.#keep({ ...spec, backend: 'hip', buffer });
    try {
      await this.#session.transfers.upload(bytes, buffer);
      return handle;
    } catch (error) {
      this.#drop(handle);
      throw error;
    }
  }

  async download(handle: DeviceTensor): Promise<Tensor> {
    const { buffer, name, type, layout, scaling } = this.#find(handle);
    return tensor(name, type, layout, await this.#session.transfers.download(buffer), scaling);
  }

  relabel(handle: DeviceTensor, claim: { readonly layout: Layout; readonly name?: string }): HipTensor {
    const found = this.#find(handle);
    const moved: HipTensor = { ...found, ...claim };
    const expected = storageBytes(moved);
    if (expected !== found.buffer.byteLength) {
      throw new TensorBytesError(
        moved.name,
        `${found.buffer.byteLength} bytes are on the device, but ${moved.type} [${moved.layout.shape.join(', ')}] in layout ` +
          `${moved.layout.id} takes ${expected} bytes. Check shape and padding.`,
      );
    }
    this.#resident.delete(found);
    return this.#keep(moved);
  }

  free(handle: DeviceTensor): void {
    this.#drop(this.#find(handle));
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
    this.#resident.clear();
    await this.#session.close();
  }

  /** The op's own checks, then whether there is a kernel: a wrong operand is reported as such on every backend. */
  #plan<N extends OpName>(op: N, params: OpParams<N>, operands: Readonly<Record<string, Tensor>>): Plan {
    this.#requireOpen();
    const plan = (ops[op] as unknown as OpDefinition).plan(params, operands);
    const support = this.#supportOf(op, params, operands);
    if (!support.supported) throw new UnsupportedOpError('hip', op, support.reason);
    return plan;
  }

  #supportOf<N extends OpName>(op: N, params: OpParams<N>, operands: Readonly<Record<string, TensorSpec>>): Support {
    const kernel = this.#kernelFor(op);
    if (typeof kernel === 'string') return { supported: false, reason: kernel };
    const { runtime, facts } = this.#session.device;
    const missing = kernel.objects.find((name) => objectFile(runtime, facts, name) === undefined);
    if (missing !== undefined) return { supported: false, reason: missingObject(runtime, facts, missing) };
    return kernel.supports?.(params, operands) ?? { supported: true };
  }

  #kernelFor<N extends OpName>(op: N): HipKernel<N> | string {
    return this.#aiter?.kernelFor(op) ?? kernelFor(op);
  }

  async #execute<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: HipOperands,
    plan: Plan,
  ): Promise<HipOperands> {
    const kernel = this.#kernelFor(op);
    if (typeof kernel === 'string') throw new UnsupportedOpError('hip', op, kernel);
    const { memory, stream } = this.#session;
    const outputs: Record<string, HipTensor> = {};
    try {
      for (const [name, spec] of Object.entries(plan)) {
        const buffer = memory.allocate(storageBytes(spec), spec.name);
        outputs[name] = this.#keep({ ...spec, backend: 'hip', buffer });
        memory.fill(buffer, 0, stream);
      }
      await withRun(this.#session, op, (run) => kernel.run(run, params, operands, outputs));
      return outputs;
    } catch (error) {
      for (const output of Object.values(outputs)) this.#drop(output);
      throw error;
    }
  }

  #keep(handle: HipTensor): HipTensor {
    this.#resident.add(handle);
    return handle;
  }

  /** Frees a tensor that is surely one of ours; a backend that was disposed meanwhile has freed it already. */
  #drop(handle: HipTensor): void {
    if (!this.#resident.delete(handle)) return;
    this.#session.memory.free(handle.buffer);
  }

  #find(handle: DeviceTensor): HipTensor {
    this.#requireOpen();
    if (this.#resident.has(handle)) return handle as HipTensor;
    throw new PreshuffleError(
      'device-tensor',
      `tensor "${handle.name}" is not on this hip backend: it was freed, or belongs to another backend. Upload it again.`,
    );
  }

  #requireOpen(): void {
    if (this.#open) return;
    throw new PreshuffleError('backend-disposed', 'this hip backend was disposed. Open it again with openHip().');
  }
}

type Plan = Readonly<Record<string, TensorSpec>>;

/** Plans look at specs. One that needs the values of an operand cannot be planned for a tensor that is on the device. */
function withoutBytes(op: string, { name, type, layout, scaling }: HipTensor): Tensor {
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
