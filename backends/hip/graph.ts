import type { HipDevice } from './device.ts';
import type { Address, Handle } from './handles.ts';
import type { HipStream } from './stream.ts';

/** Other threads' calls are none of our business: only those on the captured stream are recorded. */
const CAPTURE_RELAXED = 2;

/** Launches, copies and fills recorded once and then started by one call. What they point at must stay alive. */
export class HipGraph {
  readonly handle: Handle<'graph run'>;
  readonly #device: HipDevice;

  /**
   * Records what `record` queues in the stream; nothing of it runs. It must queue all of it before it returns.
   * @throws whatever `record` throws, after ending the capture
   */
  constructor(device: HipDevice, stream: HipStream, label: string, record: () => void) {
    const { ffi, handles } = device;
    const queue = stream.handle.on(handles);
    device.activate();
    ffi.call('hipStreamBeginCapture', [queue, CAPTURE_RELAXED], label);
    try {
      record();
    } catch (error) {
      // The stream must not stay in capture; the first error is the one that counts.
      const unfinished: [bigint | null] = [null];
      ffi.raw('hipStreamEndCapture')(queue, unfinished);
      if (unfinished[0]) ffi.raw('hipGraphDestroy')(unfinished[0] as Address<'graph'>);
      throw error;
    }
    const out: [bigint | null] = [null];
    ffi.call('hipStreamEndCapture', [queue, out], label);
    const graph = out[0] as Address<'graph'>;
    try {
      const run = ffi.result('hipGraphInstantiateWithFlags', [graph, 0], label) as Address<'graph run'>;
      this.handle = handles.add('graph run', run, label, () => ffi.call('hipGraphExecDestroy', [run], label));
    } finally {
      // The instance has a copy of all it needs.
      ffi.call('hipGraphDestroy', [graph], label);
    }
    this.#device = device;
  }

  /** Queues everything that was recorded. */
  launch(stream: HipStream): void {
    const { ffi, handles } = this.#device;
    ffi.call('hipGraphLaunch', [this.handle.on(handles), stream.handle.on(handles)], this.handle.label);
  }

  dispose(): void {
    this.handle.dispose(this.#device.handles);
  }

  [Symbol.dispose](): void {
    if (this.handle.live) this.dispose();
  }
}
