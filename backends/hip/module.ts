import type { ArgumentStruct } from './args.ts';
import { type CodeObject, DESCRIPTOR_SUFFIX, type KernelNotes, readCodeObject } from './code-object.ts';
import { type HipDevice, isEmulated } from './device.ts';
import { CodeObjectError } from './errors.ts';
import type { Address, Handle } from './handles.ts';
import type { HipStream } from './stream.ts';

/** A kernel that is ready to launch. It lives as long as its module. */
export interface HipKernelFunction {
  readonly name: string;
  readonly handle: Handle<'function'>;
  /** Bytes that a launch gives: the struct, and what the compiler added for itself. */
  readonly kernargBytes: number;
  /** Threads of a workgroup; the kernel is compiled for exactly these. */
  readonly threads: number;
  readonly ldsBytes: number;
  /** What the notes say; undefined on the CPU runtime. */
  readonly notes: KernelNotes | undefined;
}

/** A code object that is loaded on a device. */
export class HipModule {
  readonly name: string;
  readonly handle: Handle<'module'>;
  readonly #device: HipDevice;
  readonly #object: CodeObject;
  readonly #functions = new Map<string, HipKernelFunction>();

  /**
   * @param bytes of the ELF file; not to be changed afterwards
   * @throws CodeObjectError when it is damaged or for another device
   * @throws HipError when the runtime refuses it
   */
  constructor(device: HipDevice, name: string, bytes: Uint8Array) {
    this.name = name;
    this.#device = device;
    this.#object = readCodeObject(name, bytes);
    requireFitting(device, name, this.#object);
    device.activate();
    const context = `code object "${name}"`;
    const { ffi } = device;
    const address = ffi.result('hipModuleLoadData', [bytes], context) as Address<'module'>;
    const unload = (): void => ffi.call('hipModuleUnload', [address], context);
    // The runtime is not known to copy the image, so it lives as long as the module.
    this.handle = device.handles.add('module', address, name, unload, bytes);
  }

  /** Names of the kernels in it. */
  get kernels(): readonly string[] {
    return [...this.#object.kernels.keys()];
  }

  /**
   * Looks up a kernel and checks that it takes the struct.
   * @throws CodeObjectError when there is no such kernel, or it was compiled for a struct of another size
   * @throws HipHandleError after dispose()
   */
  kernel(name: string, struct: ArgumentStruct, stream: HipStream): HipKernelFunction {
    const { ffi, handles } = this.#device;
    const module = this.handle.on(handles);
    const known = this.#functions.get(name);
    if (known !== undefined) return known;
    if (!this.#object.kernels.has(name)) {
      const there = this.kernels.length === 0 ? 'none' : this.kernels.join(', ');
      throw new CodeObjectError(this.name, `has no kernel "${name}"; its kernels are: ${there}.`);
    }
    const notes = this.#object.kernels.get(name);
    const size = notes === undefined ? this.#descriptor(name, stream) : sizeFromNotes(notes);
    if (size.structBytes !== struct.byteLength) {
      throw new CodeObjectError(
        this.name,
        `kernel "${name}" takes ${size.structBytes} bytes of arguments${listArguments(notes)}, but struct ${struct.name} has ` +
          `${struct.byteLength} (${struct.fields.map((field) => `${field.name} at ${field.offset}`).join(', ')}). ` +
          'Build the code objects of this version again with "npm run build:hip".',
      );
    }
    const address = ffi.result('hipModuleGetFunction', [module, name], `kernel "${name}" of "${this.name}"`);
    const loaded: HipKernelFunction = {
      name,
      // Ends with its module: there is nothing to free.
      handle: handles.add('function', address as Address<'function'>, `${this.name}/${name}`, () => undefined),
      kernargBytes: size.kernargBytes,
      threads: size.threads,
      ldsBytes: size.ldsBytes,
      notes,
    };
    this.#functions.set(name, loaded);
    return loaded;
  }

  dispose(): void {
    const { handles } = this.#device;
    for (const { handle } of this.#functions.values()) if (handle.live) handle.dispose(handles);
    this.handle.dispose(handles);
  }

  [Symbol.dispose](): void {
    if (this.handle.live) this.dispose();
  }

  /** Reads the description that the CPU build of a kernel exports beside it. */
  #descriptor(name: string, stream: HipStream): Sizes {
    const { ffi, handles } = this.#device;
    const symbol = `${name}${DESCRIPTOR_SUFFIX}`;
    const context = `descriptor of kernel "${name}" of "${this.name}"`;
    const address: [bigint | null] = [null];
    ffi.call('hipModuleGetGlobal', [address, [null], this.handle.on(handles), symbol], context);
    const words = new Uint32Array(3);
    const queue = stream.handle.on(handles);
    ffi.call('hipMemcpyAsync', [new Uint8Array(words.buffer), address[0] ?? 0n, words.byteLength, 2, queue], context);
    ffi.call('hipStreamSynchronize', [queue], context);
    const [structBytes = 0, threads = 0, ldsBytes = 0] = words;
    return { structBytes, kernargBytes: structBytes, threads, ldsBytes };
  }
}

interface Sizes {
  /** sizeof the one argument. */
  readonly structBytes: number;
  readonly kernargBytes: number;
  readonly threads: number;
  readonly ldsBytes: number;
}

/** Arguments after the explicit ones are hidden: the compiler's own, which the runtime fills in. */
function explicit(notes: KernelNotes): KernelNotes['arguments'] {
  return notes.arguments.filter(({ kind }) => !kind.startsWith('hidden_'));
}

function sizeFromNotes(notes: KernelNotes): Sizes {
  const structBytes = Math.max(0, ...explicit(notes).map(({ offset, size }) => offset + size));
  return { structBytes, kernargBytes: notes.kernargBytes, threads: notes.maxThreads, ldsBytes: notes.ldsBytes };
}

function listArguments(notes: KernelNotes | undefined): string {
  if (notes === undefined) return '';
  const list = explicit(notes).map(({ name, kind, offset, size }) => `${name || kind} at ${offset}: ${size}`);
  return ` (${list.join(', ')})`;
}

function requireFitting(device: HipDevice, name: string, object: CodeObject): void {
  const { arch } = device.facts;
  if (object.machine === 'x86-64') {
    if (isEmulated(device.facts)) return;
    throw new CodeObjectError(
      name,
      `is for the CPU runtime, and ${device.handles.owner} is ${arch}. Give it the ${arch} object.`,
    );
  }
  if (isEmulated(device.facts)) {
    throw new CodeObjectError(name, `is for ${object.arch}, and ${device.handles.owner} runs x86-64 objects only.`);
  }
  if (object.arch !== arch) {
    throw new CodeObjectError(
      name,
      `is for ${object.arch}, and ${device.handles.owner} is ${arch}. Build it for ${arch}.`,
    );
  }
}
