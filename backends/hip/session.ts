import { type DeviceFacts, HipDevice } from './device.ts';
import { HipKernelError } from './errors.ts';
import type { KernelLaunch } from './kernels/kernel.ts';
import { Launcher } from './launch.ts';
import type { HipRuntime } from './library.ts';
import { DeviceMemory } from './memory.ts';
import { HipModule } from './module.ts';
import { readObject } from './objects.ts';
import { HipStream } from './stream.ts';
import { Transfers } from './transfer.ts';

/** Gives code objects that are not this package's; undefined for names that it does not know. */
export type ForeignObjects = (name: string) => Uint8Array | undefined;

/** An open device with what a backend needs of it: one stream, memory, copies, and the kernels that were used so far. */
export class HipSession {
  readonly device: HipDevice;
  readonly memory: DeviceMemory;
  readonly stream: HipStream;
  readonly transfers: Transfers;
  readonly #launcher: Launcher;
  readonly #modules = new Map<string, HipModule>();
  readonly #foreign: ForeignObjects | undefined;
  #open = true;

  constructor(runtime: HipRuntime, facts: DeviceFacts, foreign?: ForeignObjects) {
    this.#foreign = foreign;
    this.device = new HipDevice(runtime, facts);
    this.memory = new DeviceMemory(this.device);
    this.stream = new HipStream(this.device, 'preshuffle');
    this.transfers = new Transfers(this.device, this.stream);
    this.#launcher = new Launcher(this.device);
  }

  /**
   * Queues a kernel; its code object is loaded the first time.
   * @throws HipKernelError naming op and kernel; `cause` says what the object, the handles or the runtime had to say
   */
  launch(op: string, launch: KernelLaunch): void {
    const { object, kernel, struct, values, grid } = launch;
    if (grid.some((count) => count === 0)) return;
    try {
      const ready = this.module(object).kernel(kernel, struct, this.stream);
      this.#launcher.launch(ready, struct, values, grid, this.stream);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new HipKernelError(op, `${object}/${kernel}`, reason, { cause });
    }
  }

  /** A code object, loaded once. @throws CodeObjectError, HipError */
  module(name: string): HipModule {
    const known = this.#modules.get(name);
    if (known !== undefined) return known;
    const { runtime, facts } = this.device;
    const bytes = this.#foreign?.(name) ?? readObject(runtime, facts, name);
    const loaded = new HipModule(this.device, name, bytes);
    this.#modules.set(name, loaded);
    return loaded;
  }

  /** Waits for what is queued, then ends every native object. Errors of the end are warnings: nobody can do anything about them. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.transfers.dispose();
    // After a fault every call fails, and the rest must be freed all the same.
    await this.stream.done().catch((error: unknown) => warn(error));
    for (const error of this.device.close()) warn(error);
    this.#launcher.dispose();
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error.message : String(error), { type: 'HipWarning' });
}
