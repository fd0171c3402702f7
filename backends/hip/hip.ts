import { BackendUnavailableError } from '../../src/errors.ts';
import type { Backend, BackendProbe } from '../backend.ts';

/** Where a ROCm runtime lies, newest first; ROCm 6 and 7 install `libamdhip64.so.<major>`. */
const LIBRARIES: readonly string[] = [
  'libamdhip64.so.10',
  'libamdhip64.so.9',
  'libamdhip64.so.8',
  'libamdhip64.so.7',
  'libamdhip64.so.6',
];
const FOLDERS: readonly string[] = ['/opt/rocm/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/local/lib'];
const DRIVER = '/dev/kfd';

/**
 * Would open an AMD GPU. This version ships no HIP kernels, so it always throws; the message says what the machine has.
 * @throws BackendUnavailableError
 */
export async function openHip(): Promise<Backend> {
  const probe = await probeHip();
  throw new BackendUnavailableError('hip', probe.summary, probe.tried);
}

/** Looks for the AMD driver and the HIP runtime library. */
export async function probeHip(): Promise<BackendProbe> {
  const { tried, driver, library } = await search();
  const machine =
    driver && library !== undefined
      ? `an AMD driver (${DRIVER}) and ${library} are here`
      : driver
        ? `an AMD driver (${DRIVER}) is here, but no HIP runtime library was found`
        : `no AMD GPU driver (${DRIVER}) on this machine`;
  const summary = `${machine}; this version of preshuffle has no HIP kernels yet, use the cpu or webgpu backend.`;
  return { id: 'hip', available: false, summary, facts: {}, tried };
}

async function search(): Promise<{ tried: readonly string[]; driver: boolean; library: string | undefined }> {
  if (globalThis.process?.versions?.node === undefined) {
    return { tried: ['the HIP runtime: a browser has none'], driver: false, library: undefined };
  }
  const { existsSync } = await import('node:fs');
  const driver = existsSync(DRIVER);
  const candidates = FOLDERS.flatMap((folder) => LIBRARIES.map((name) => `${folder}/${name}`));
  const library = candidates.find((path) => existsSync(path));
  return {
    tried: [
      `${DRIVER}: ${driver ? 'present' : 'absent'}`,
      ...FOLDERS.map((folder) => {
        const found = candidates.find((path) => path.startsWith(`${folder}/`) && existsSync(path));
        return found === undefined ? `${folder}/libamdhip64.so.{10,9,8,7,6}: absent` : `${found}: present`;
      }),
    ],
    driver,
    library,
  };
}
