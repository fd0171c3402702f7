import { completed } from './completion.ts';
import type { HipDevice } from './device.ts';
import { HIP_STATUS } from './errors.ts';
import type { Address, Handle } from './handles.ts';
import type { HipStream } from './stream.ts';

const WITH_TIMING = 0;
const WITHOUT_TIMING = 2;

/** A mark in a stream: tells when the work before it is done, and how long lay between two. */
export class HipEvent {
  readonly handle: Handle<'event'>;
  readonly #device: HipDevice;

  /** @param options.timing keep the time. Default true; without, waiting costs less */
  constructor(device: HipDevice, label: string, options: { readonly timing?: boolean } = {}) {
    device.activate();
    const flags = options.timing === false ? WITHOUT_TIMING : WITH_TIMING;
    const address = device.ffi.result('hipEventCreateWithFlags', [flags], label) as Address<'event'>;
    const { ffi } = device;
    this.#device = device;
    this.handle = device.handles.add('event', address, label, () => ffi.call('hipEventDestroy', [address], label));
  }

  /** Puts the mark behind everything queued in the stream so far. */
  record(stream: HipStream): void {
    const { ffi, handles } = this.#device;
    ffi.call('hipEventRecord', [this.handle.on(handles), stream.handle.on(handles)], `event "${this.handle.label}"`);
  }

  /** Whether the work before it is done. */
  isDone(): boolean {
    const { ffi, handles } = this.#device;
    const status = ffi.raw('hipEventQuery')(this.handle.on(handles));
    if (status === HIP_STATUS.notReady) return false;
    ffi.require('hipEventQuery', status, `event "${this.handle.label}"`);
    return true;
  }

  /** Resolves when the work before it is done. @throws HipError when it failed */
  done(): Promise<void> {
    const { ffi, handles } = this.#device;
    const query = ffi.raw('hipEventQuery');
    const context = `event "${this.handle.label}"`;
    return completed(ffi, 'hipEventQuery', () => query(this.handle.on(handles)), context);
  }

  /** Milliseconds from another event to this one, as the device counts them. Both must be done. */
  millisecondsSince(earlier: HipEvent): number {
    const { ffi, handles } = this.#device;
    const pair = [earlier.handle.on(handles), this.handle.on(handles)] as const;
    return ffi.result('hipEventElapsedTime', [...pair], `events "${earlier.handle.label}", "${this.handle.label}"`);
  }

  dispose(): void {
    this.handle.dispose(this.#device.handles);
  }

  [Symbol.dispose](): void {
    if (this.handle.live) this.dispose();
  }
}
