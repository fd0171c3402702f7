import { BackendUnavailableError } from '../../src/errors.ts';
import type { HipFfi } from './ffi.ts';
import { HandleRegistry } from './handles.ts';
import type { HipRuntime } from './library.ts';

/** Architectures that this package has code objects for. */
export const ARCHITECTURES: readonly string[] = ['gfx950', 'gfx942'];

/** What a device says about itself. */
export interface DeviceFacts {
  readonly ordinal: number;
  /** Marketing name; the CPU runtime of the tests says here that it is no GPU. */
  readonly name: string;
  /** E.g. `gfx950`. */
  readonly arch: string;
  /** With features, e.g. `gfx950:sramecc+:xnack-`. */
  readonly target: string;
  readonly computeUnits: number;
  readonly waveSize: number;
  /** LDS that one workgroup may have, in bytes. */
  readonly ldsBytes: number;
  readonly maxThreads: number;
  readonly clockMHz: number;
  readonly l2Bytes: number;
  /** Compute dies (XCD); 0 where the runtime does not know. */
  readonly dies: number;
}

/** Numbers of `hipDeviceAttribute_t`, which are the same from HIP 5.2 on. */
const ATTRIBUTE = {
  clockKHz: 5,
  l2Bytes: 19,
  maxThreads: 56,
  computeUnits: 63,
  ldsBytes: 74,
  waveSize: 87,
  dies: 10018,
};

/** The two layouts of `hipDeviceProp_t`: where gcnArchName lies. The name is at 0 in both. Larger than either. */
const PROPERTIES_BYTES = 4096;
const ARCH_OFFSET_R0600 = 1160;
const ARCH_OFFSET_R0000 = 396;

/**
 * Number of visible devices. Without one this call says so by its status, and every other call fails with another status:
 * this is the only one to ask.
 * @throws BackendUnavailableError when there is none
 */
export function countDevices({ ffi, tried }: HipRuntime): number {
  const count: [number | null] = [0];
  const status = ffi.raw('hipGetDeviceCount')(count);
  const found = count[0] ?? 0;
  if (status === 0 && found > 0) return found;
  const answer = status === 0 ? 'it reports 0 devices' : `hipGetDeviceCount says ${ffi.errorName(status)} (${status})`;
  throw new BackendUnavailableError(
    'hip',
    `the HIP runtime ${ffi.library} sees no device: ${answer}. Is the GPU visible? See rocminfo, the permissions of /dev/kfd ` +
      'and HIP_VISIBLE_DEVICES.',
    tried,
  );
}

/** Asks a device about itself. @throws HipError */
export function deviceFacts({ ffi }: HipRuntime, ordinal: number): DeviceFacts {
  const properties = new Uint8Array(PROPERTIES_BYTES);
  // The plain symbol fills the old struct for ever; newer runtimes have the new one beside it.
  const isNew = ffi.has('hipGetDevicePropertiesR0600');
  ffi.call(
    isNew ? 'hipGetDevicePropertiesR0600' : 'hipGetDeviceProperties',
    [properties, ordinal],
    `device ${ordinal}`,
  );
  const target = text(properties, isNew ? ARCH_OFFSET_R0600 : ARCH_OFFSET_R0000);
  const attribute = (number: number): number => {
    const value: [number | null] = [0];
    // Some are unknown to older runtimes: a fact less, no failure.
    return ffi.raw('hipDeviceGetAttribute')(value, number, ordinal) === 0 ? (value[0] ?? 0) : 0;
  };
  return {
    ordinal,
    name: text(properties, 0) || 'AMD GPU',
    arch: target.split(':')[0] ?? '',
    target,
    computeUnits: attribute(ATTRIBUTE.computeUnits),
    waveSize: attribute(ATTRIBUTE.waveSize),
    ldsBytes: attribute(ATTRIBUTE.ldsBytes),
    maxThreads: attribute(ATTRIBUTE.maxThreads),
    clockMHz: Math.round(attribute(ATTRIBUTE.clockKHz) / 1000),
    l2Bytes: attribute(ATTRIBUTE.l2Bytes),
    dies: attribute(ATTRIBUTE.dies),
  };
}

/** Whether this is the CPU runtime of the tests: it never stands for a GPU, and loads code objects of its own kind. */
export function isEmulated({ name }: Pick<DeviceFacts, 'name'>): boolean {
  return name.includes('CPU emulation');
}

/** The first device that there are code objects for, or device `ordinal`. @throws BackendUnavailableError */
export function chooseDevice(runtime: HipRuntime, ordinal?: number): DeviceFacts {
  const count = countDevices(runtime);
  if (ordinal !== undefined && (!Number.isInteger(ordinal) || ordinal < 0 || ordinal >= count)) {
    throw new BackendUnavailableError(
      'hip',
      `device ${ordinal} was asked for, but the runtime sees ${count}: give a number from 0 to ${count - 1}.`,
      runtime.tried,
    );
  }
  const wanted = ordinal === undefined ? Array.from({ length: count }, (_, index) => index) : [ordinal];
  const found = wanted.map((index) => deviceFacts(runtime, index));
  const usable = found.find(({ arch }) => ARCHITECTURES.includes(arch));
  if (usable !== undefined) return usable;
  const list = found.map((facts) => `device ${facts.ordinal} is ${facts.name} (${facts.arch})`).join(', ');
  throw new BackendUnavailableError(
    'hip',
    `${list}; there are kernels for ${ARCHITECTURES.join(' and ')} only. Use the webgpu or cpu backend.`,
    [...runtime.tried, ...found.map((facts) => `device ${facts.ordinal}: ${facts.name}, ${facts.target}`)],
  );
}

/** One device, opened: its handles are its own, so that another device's are refused. */
export class HipDevice {
  readonly runtime: HipRuntime;
  readonly ffi: HipFfi;
  readonly facts: DeviceFacts;
  readonly handles: HandleRegistry;

  constructor(runtime: HipRuntime, facts: DeviceFacts) {
    this.runtime = runtime;
    this.ffi = runtime.ffi;
    this.facts = facts;
    this.handles = new HandleRegistry(`HIP device ${facts.ordinal} (${facts.name})`, (message) =>
      process.emitWarning(message, { type: 'HipLeakWarning' }),
    );
  }

  /**
   * Makes this the current device of the thread, which allocations, modules, streams and events belong to. Called before each
   * of them, since other code in this process may choose another one.
   */
  activate(): void {
    this.ffi.call('hipSetDevice', [this.facts.ordinal], this.handles.owner);
  }

  /** Ends every native object that is still alive. Returns what went wrong. */
  close(): readonly unknown[] {
    return this.handles.releaseAll();
  }
}

function text(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, Math.min(end < 0 ? bytes.length : end, offset + 256)));
}
