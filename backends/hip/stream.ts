import { completed } from './completion.ts';
import type { HipDevice } from './device.ts';
import { HIP_STATUS } from './errors.ts';
import type { HipEvent } from './event.ts';
import type { Address, Handle } from './handles.ts';

/** Does not wait for the default stream, which other code of the process may use. */
const NON_BLOCKING = 1;

/** A queue of a device: what is put in runs in order. */
export class HipStream {
  readonly handle: Handle<'stream'>;
  readonly #device: HipDevice;

  constructor(device: HipDevice, label: string) {
    device.activate();
    const address = device.ffi.result('hipStreamCreateWithFlags', [NON_BLOCKING], label) as Address<'stream'>;
    const { ffi } = device;
    this.#device = device;
    this.handle = device.handles.add('stream', address, label, () => ffi.call('hipStreamDestroy', [address], label));
  }

  /** Whether everything queued so far is done. @throws HipError when it failed */
  isDone(): boolean {
    const { ffi, handles } = this.#device;
    const status = ffi.raw('hipStreamQuery')(this.handle.on(handles));
    if (status === HIP_STATUS.notReady) return false;
    ffi.require('hipStreamQuery', status, `stream "${this.handle.label}"`);
    return true;
  }

  /** Resolves when everything queued so far is done. @throws HipError when it failed */
  done(): Promise<void> {
    const { ffi, handles } = this.#device;
    const query = ffi.raw('hipStreamQuery');
    const context = `stream "${this.handle.label}"`;
    return completed(ffi, 'hipStreamQuery', () => query(this.handle.on(handles)), context);
  }

  /** Blocks until everything queued is done. */
  synchronize(): void {
    const { ffi, handles } = this.#device;
    ffi.call('hipStreamSynchronize', [this.handle.on(handles)], `stream "${this.handle.label}"`);
  }

  /** What is queued from now on starts after the event. */
  waitFor(event: HipEvent): void {
    const { ffi, handles } = this.#device;
    ffi.call('hipStreamWaitEvent', [this.handle.on(handles), event.handle.on(handles), 0], this.handle.label);
  }

  dispose(): void {
    this.handle.dispose(this.#device.handles);
  }

  [Symbol.dispose](): void {
    if (this.handle.live) this.dispose();
  }
}
