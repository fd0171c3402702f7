import { PreshuffleError, UnsupportedOpError } from '../../src/errors.ts';
import type { OpName, OpOperands, OpParams } from '../../src/ops/registry.ts';
import { storageBytes, tensor } from '../../src/tensor/make.ts';
import type { Tensor, TensorSpec } from '../../src/tensor/tensor.ts';
import type { Backend, DeviceInfo, DeviceTensor, Support } from '../backend.ts';
import { DeviceBackend } from '../device-backend.ts';
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

class HipBackend extends DeviceBackend<HipTensor> {
  readonly id = 'hip';
  readonly device: DeviceInfo;
  protected readonly opener = 'openHip';
  readonly #session: HipSession;
  readonly #aiter: AiterKernels | undefined;

  constructor(found: FoundHip, aiter: AiterKernels | undefined) {
    super();
    this.#aiter = aiter;
    this.#session = new HipSession(found.runtime, found.device, aiter?.read);
    const facts = hipFacts(found);
    this.device = {
      name: deviceName(found),
      facts: aiter === undefined ? facts : { ...facts, 'AITER kernels': aiter.folder },
    };
  }

  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support {
    const kernel = this.#kernelFor(op);
    if (typeof kernel === 'string') return { supported: false, reason: kernel };
    const { runtime, facts } = this.#session.device;
    const missing = kernel.objects.find((name) => objectFile(runtime, facts, name) === undefined);
    if (missing !== undefined) return { supported: false, reason: missingObject(runtime, facts, missing) };
    return kernel.supports?.(params, operands as Readonly<Record<string, TensorSpec>>) ?? { supported: true };
  }

  async upload(source: Tensor): Promise<HipTensor> {
    this.requireOpen();
    const { bytes, ...spec } = source;
    const buffer = this.#session.memory.allocate(bytes.byteLength, source.name);
    const handle = this.keep({ ...spec, backend: 'hip', buffer });
    try {
      await this.#session.transfers.upload(bytes, buffer);
      return handle;
    } catch (error) {
      this.drop(handle);
      throw error;
    }
  }

  async download(handle: DeviceTensor): Promise<Tensor> {
    const { buffer, name, type, layout, scaling } = this.find(handle);
    return tensor(name, type, layout, await this.#session.transfers.download(buffer), scaling);
  }

  protected allocate(spec: TensorSpec): HipTensor {
    return { ...spec, backend: 'hip', buffer: this.#session.memory.allocate(storageBytes(spec), spec.name) };
  }

  protected byteLength({ buffer }: HipTensor): number {
    return buffer.byteLength;
  }

  /** A backend that was disposed meanwhile has freed it already. */
  protected drop(handle: HipTensor): void {
    if (this.forget(handle)) this.#session.memory.free(handle.buffer);
  }

  protected async launch<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: HipOperands,
    outputs: HipOperands,
  ): Promise<void> {
    const kernel = this.#kernelFor(op);
    if (typeof kernel === 'string') throw new UnsupportedOpError('hip', op, kernel);
    const { memory, stream } = this.#session;
    for (const { buffer } of Object.values(outputs)) memory.fill(buffer, 0, stream);
    await withRun(this.#session, op, (run) => kernel.run(run, params, operands, outputs));
  }

  protected close(): Promise<void> {
    return this.#session.close();
  }

  #kernelFor<N extends OpName>(op: N): HipKernel<N> | string {
    return this.#aiter?.kernelFor(op) ?? kernelFor(op);
  }
}
