import { BackendUnavailableError } from '../src/errors.ts';
import type { Backend, BackendId, BackendProbe } from './backend.ts';

/** Every backend, in the order in which reports list them. */
export const BACKEND_IDS: readonly BackendId[] = ['cpu', 'webgpu', 'hip'];

/** What `auto` tries, fastest first. */
const AUTO_ORDER: readonly BackendId[] = ['hip', 'webgpu', 'cpu'];

/**
 * Opens a backend; `auto` takes the fastest one that is there. Native parts are loaded only now.
 * @throws BackendUnavailableError listing what was tried
 */
export async function openBackend(id: BackendId | 'auto'): Promise<Backend> {
  if (id !== 'auto') return OPENERS[id]();
  const tried: string[] = [];
  for (const candidate of AUTO_ORDER) {
    try {
      return await OPENERS[candidate]();
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
      tried.push(error.message);
    }
  }
  throw new BackendUnavailableError('auto', 'no backend could be opened.', tried);
}

const OPENERS: Readonly<Record<BackendId, () => Promise<Backend>>> = {
  cpu: async () => (await import('./cpu/index.ts')).openCpu(),
  webgpu: async () => (await import('./webgpu/index.ts')).openWebGpu(),
  hip: async () => (await import('./hip/index.ts')).openHip(),
};

/** Looks for every backend without throwing. */
export async function probeBackends(): Promise<readonly BackendProbe[]> {
  const { probeCpu } = await import('./cpu/index.ts');
  const { probeWebGpu } = await import('./webgpu/index.ts');
  const { probeHip } = await import('./hip/index.ts');
  return [await probeCpu(), await probeWebGpu(), await probeHip()];
}
