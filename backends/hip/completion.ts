import { HIP_STATUS } from './errors.ts';
import type { HipFfi } from './ffi.ts';
import type { HipFunction } from './prototypes.ts';

/** How long to ask without a pause: short kernels and copies end within it, and a timer would add a millisecond. */
const BUSY_MS = 1;
const LONGEST_PAUSE_MS = 10;

/**
 * Waits for the device without blocking JavaScript: asks, lets other work run, and asks again, more rarely the longer it
 * takes (a pause is a tenth of the time so far). Callbacks from HIP's threads would deadlock, and blocking waits in the
 * thread pool would take one of its four threads each.
 *
 * @param query asks for the status: hipStreamQuery or hipEventQuery, which answer "not ready"
 * @throws HipError when the work failed
 */
export async function completed(ffi: HipFfi, name: HipFunction, query: () => number, context: string): Promise<void> {
  const start = performance.now();
  for (;;) {
    const status = query();
    if (status === HIP_STATUS.success) return;
    if (status !== HIP_STATUS.notReady) ffi.require(name, status, context);
    const waited = performance.now() - start;
    await (waited < BUSY_MS ? immediate() : pause(Math.min(LONGEST_PAUSE_MS, Math.max(1, waited / 10))));
  }
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
