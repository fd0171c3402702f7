import { BackendUnavailableError } from '../../src/errors.ts';
import type { BackendProbe } from '../backend.ts';
import { chooseDevice, type DeviceFacts, isEmulated } from './device.ts';
import { HipError, HipSymbolError } from './errors.ts';
import { type HipRuntime, openRuntime, type RuntimeOptions } from './library.ts';
import { missingObjects } from './objects.ts';

/** The driver's device file: without it, or without the right to open it, the runtime finds no GPU. */
const DRIVER = '/dev/kfd';

export interface HipOptions extends RuntimeOptions {
  /** Number of the device. Default: the first that there are kernels for. */
  readonly device?: number;
  /**
   * `aiter-asm`: gemm_a8w8_blockscale_bpreshuffle and gemm_a4w4_bpreshuffle run on the assembled kernels of the user's AITER
   * install (`$AITER_ASM_DIR`, or the Python package aiter_meta); what those do not do is not supported then. Default: every op
   * on the kernels of this package.
   */
  readonly kernel?: 'aiter-asm';
}

export interface FoundHip {
  readonly runtime: HipRuntime;
  readonly device: DeviceFacts;
}

/**
 * Loads the runtime and chooses a device.
 * @throws BackendUnavailableError listing what was tried
 */
export async function findHip(options: HipOptions = {}): Promise<FoundHip> {
  const runtime = await openRuntime(options);
  try {
    const device = chooseDevice(runtime, options.device);
    const missing = missingObjects(runtime, device);
    if (missing === undefined) return { runtime, device };
    throw new BackendUnavailableError('hip', missing, [...runtime.tried, deviceLine(device)]);
  } catch (cause) {
    if (cause instanceof HipError || cause instanceof HipSymbolError) {
      throw new BackendUnavailableError('hip', cause.message, runtime.tried, { cause });
    }
    if (!(cause instanceof BackendUnavailableError)) throw cause;
    throw new BackendUnavailableError('hip', cause.reason, [...cause.tried, driverState(runtime)], { cause });
  }
}

/** Looks for a HIP device without opening it: what was found, what was tried, what is missing. */
export async function probeHipBackend(options: HipOptions = {}): Promise<BackendProbe> {
  try {
    const found = await findHip(options);
    const { runtime, device } = found;
    return {
      id: 'hip',
      available: true,
      summary: deviceName(found),
      facts: hipFacts(found),
      tried: [...runtime.tried, deviceLine(device)],
    };
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error;
    return { id: 'hip', available: false, summary: error.reason, facts: {}, tried: error.tried };
  }
}

/** One line about a device. */
export function deviceName({ runtime, device }: FoundHip): string {
  const { name, arch } = device;
  // The emulation must never be taken for a GPU.
  return isEmulated(device) ? `${name} (HIP ${runtime.version})` : `${name} (${arch}, HIP ${runtime.version})`;
}

/** What reports say about the device. */
export function hipFacts({ runtime, device }: FoundHip): Readonly<Record<string, string | number | boolean>> {
  return {
    library: runtime.path,
    'HIP version': runtime.version,
    emulated: isEmulated(device),
    device: device.ordinal,
    architecture: device.target,
    'compute units': device.computeUnits,
    'LDS per workgroup (KiB)': device.ldsBytes / 1024,
    'clock (MHz)': device.clockMHz,
  };
}

function deviceLine({ ordinal, name, target }: DeviceFacts): string {
  return `device ${ordinal}: ${name}, ${target}`;
}

function driverState({ node }: HipRuntime): string {
  try {
    node.fs.accessSync(DRIVER, node.fs.constants.R_OK | node.fs.constants.W_OK);
    return `${DRIVER}: present`;
  } catch (error) {
    const isForbidden = (error as NodeJS.ErrnoException).code === 'EACCES';
    return isForbidden
      ? `${DRIVER}: this user may not open it; add the user to the groups render and video`
      : `${DRIVER}: absent`;
  }
}
