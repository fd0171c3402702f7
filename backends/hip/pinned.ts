import type { HipDevice } from './device.ts';
import { HIP_STATUS, HipMemoryError } from './errors.ts';
import type { Address, Handle } from './handles.ts';

/** Host memory that the device reads and writes by itself, while JavaScript goes on. Copies need it to be asynchronous. */
export class PinnedMemory {
  readonly handle: Handle<'pinned memory'>;
  readonly byteLength: number;
  readonly #device: HipDevice;
  readonly #bytes: Uint8Array;

  /** @throws HipMemoryError when the system cannot pin as much */
  constructor(device: HipDevice, byteLength: number, label: string) {
    device.activate();
    const out: [bigint | null] = [null];
    const status = device.ffi.raw('hipHostMalloc')(out, Math.max(1, byteLength), 0);
    if (status === HIP_STATUS.outOfMemory) {
      throw new HipMemoryError(
        label,
        byteLength,
        'the system cannot pin as much host memory. See "ulimit -l", or use less.',
      );
    }
    device.ffi.require('hipHostMalloc', status, `buffer "${label}" of ${byteLength} bytes`);
    const address = out[0] as Address<'pinned memory'>;
    const { ffi } = device;
    this.#device = device;
    this.byteLength = byteLength;
    this.handle = device.handles.add('pinned memory', address, label, () => ffi.call('hipHostFree', [address], label));
    // The array does not own the memory: it must not be kept beyond dispose().
    this.#bytes = new Uint8Array(device.runtime.koffi.view(address, Math.max(1, byteLength)), 0, byteLength);
  }

  /** The memory itself. Do not keep it: reading it after dispose() ends the process. @throws HipHandleError after dispose() */
  get bytes(): Uint8Array {
    this.handle.on(this.#device.handles);
    return this.#bytes;
  }

  /** The address for copies. */
  get address(): Address<'pinned memory'> {
    return this.handle.on(this.#device.handles);
  }

  dispose(): void {
    this.#device.activate();
    this.handle.dispose(this.#device.handles);
  }

  [Symbol.dispose](): void {
    if (this.handle.live) this.dispose();
  }
}
