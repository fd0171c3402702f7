import type { HipDevice } from './device.ts';
import { HIP_STATUS, HipMemoryError } from './errors.ts';
import type { Address, Handle } from './handles.ts';
import type { HipStream } from './stream.ts';

/** Bytes on a device. */
export interface HipBuffer {
  readonly handle: Handle<'buffer'>;
  readonly byteLength: number;
  readonly label: string;
}

/** The device memory that one opened device has given out. */
export class DeviceMemory {
  readonly #device: HipDevice;
  readonly #count = { bytes: 0, peak: 0, buffers: 0 };

  constructor(device: HipDevice) {
    this.#device = device;
  }

  /** Bytes in use now. */
  get bytes(): number {
    return this.#count.bytes;
  }

  /** The most bytes that were in use at once. */
  get peak(): number {
    return this.#count.peak;
  }

  get buffers(): number {
    return this.#count.buffers;
  }

  /**
   * Gives out memory with arbitrary contents.
   * @throws HipMemoryError when the device has too little, with the sizes
   */
  allocate(byteLength: number, label: string): HipBuffer {
    const device = this.#device;
    device.activate();
    const out: [bigint | null] = [null];
    // hipMalloc(0) gives a null pointer; empty tensors get a valid one.
    const status = device.ffi.raw('hipMalloc')(out, Math.max(1, byteLength));
    if (status === HIP_STATUS.outOfMemory) throw this.#outOfMemory(byteLength, label);
    device.ffi.require('hipMalloc', status, `buffer "${label}" of ${byteLength} bytes`);
    const address = out[0] as Address<'buffer'>;
    const count = this.#count;
    count.bytes += byteLength;
    count.buffers += 1;
    count.peak = Math.max(count.peak, count.bytes);
    const { ffi } = device;
    const handle = device.handles.add('buffer', address, label, () => {
      count.bytes -= byteLength;
      count.buffers -= 1;
      ffi.call('hipFree', [address], `buffer "${label}"`);
    });
    return { handle, byteLength, label };
  }

  /** Gives memory back. Work that was queued before still has it: the runtime waits. @throws HipHandleError the second time */
  free(buffer: HipBuffer): void {
    this.#device.activate();
    buffer.handle.dispose(this.#device.handles);
  }

  /** Queues the filling of a buffer with one byte. */
  fill(buffer: HipBuffer, value: number, stream: HipStream): void {
    const { ffi, handles } = this.#device;
    if (buffer.byteLength === 0) return;
    const args = [buffer.handle.on(handles), value, buffer.byteLength, stream.handle.on(handles)] as const;
    ffi.call('hipMemsetAsync', [...args], `buffer "${buffer.label}"`);
  }

  #outOfMemory(byteLength: number, label: string): HipMemoryError {
    const free: [number | null] = [null];
    const total: [number | null] = [null];
    const { ffi } = this.#device;
    const known = ffi.has('hipMemGetInfo') && ffi.raw('hipMemGetInfo')(free, total) === HIP_STATUS.success;
    const state = known ? `${free[0]} of ${total[0]} bytes are free` : 'it does not say how much is free';
    const { bytes, buffers } = this.#count;
    return new HipMemoryError(
      label,
      byteLength,
      `${this.#device.handles.owner} is out of memory: ${state}, this backend holds ${bytes} bytes in ${buffers} ` +
        `buffer${buffers === 1 ? '' : 's'}. Free tensors, or run the work in parts.`,
    );
  }
}
