/**
 * The HIP backend: AMD gfx950 (MI350X, MI355X) with ROCm 7 or newer, through koffi. Nothing native is loaded before `openHip` or
 * `probeHip` is called.
 *
 * @example
 * ```ts
 * import { openHip } from 'preshuffle/backends/hip';
 * const backend = await openHip();
 * console.log(backend.device.name);
 * await backend.dispose();
 * ```
 */
import { BackendUnavailableError } from '../../src/errors.ts';
import type { Backend, BackendProbe } from '../backend.ts';
import type { HipOptions } from './probe.ts';

export type { HipOptions } from './probe.ts';

const NO_NODE = 'a browser cannot load the HIP runtime. Use the webgpu backend.';

/**
 * Opens an AMD GPU.
 * @throws BackendUnavailableError listing what was tried
 */
export async function openHip(options: HipOptions = {}): Promise<Backend> {
  if (!isNode()) throw new BackendUnavailableError('hip', NO_NODE);
  const { openHipBackend } = await import('./backend.ts');
  return openHipBackend(options);
}

/** Looks for the HIP runtime and a device that there are kernels for, without keeping it open. */
export async function probeHip(options: HipOptions = {}): Promise<BackendProbe> {
  if (!isNode()) return { id: 'hip', available: false, summary: NO_NODE, facts: {}, tried: [] };
  const { probeHipBackend } = await import('./probe.ts');
  return probeHipBackend(options);
}

function isNode(): boolean {
  return globalThis.process?.versions?.node !== undefined;
}
