import { findAdapter } from './adapter.ts';
import type { AdapterChoice } from './adapter-info.ts';
import { DeviceLostError } from './errors.ts';
import type { Gpu, GpuLimits } from './gpu.ts';

export interface GpuOptions extends AdapterChoice {
  /** Lower limits than the device has: what a smaller device would do, on this one. Used by tests. */
  readonly limits?: Partial<GpuLimits>;
}

/** Storage offsets are 32-bit words in the shaders; no kernel can use more than this in one binding. */
const MOST_BINDING_BYTES = 2 ** 32 - 4;

interface Pooled {
  readonly gpu: Promise<Gpu>;
  users: number;
}

const pool = new Map<string, Pooled>();

/**
 * Opens the device for these options, or joins the one that is open. Every acquire needs its release.
 * @throws BackendUnavailableError
 */
export async function acquireGpu(options: GpuOptions = {}): Promise<Gpu> {
  const key = JSON.stringify([options.kind ?? null, options.limits ?? null]);
  const pooled: Pooled = pool.get(key) ?? pooledDevice(key, options);
  pooled.users += 1;
  try {
    return await pooled.gpu;
  } catch (error) {
    if (pool.get(key) === pooled) pool.delete(key);
    throw error;
  }
}

/** A new entry of the pool. News of its loss may come when its place has long been taken by the next one. */
function pooledDevice(key: string, options: GpuOptions): Pooled {
  const forget = (): void => {
    if (pool.get(key) === pooled) pool.delete(key);
  };
  const pooled: Pooled = { gpu: open(options, forget), users: 0 };
  pool.set(key, pooled);
  return pooled;
}

/** Leaves the device; the last user destroys it. */
export async function releaseGpu(gpu: Gpu): Promise<void> {
  for (const [key, pooled] of pool) {
    if ((await pooled.gpu.catch(() => undefined)) !== gpu) continue;
    pooled.users -= 1;
    if (pooled.users > 0) return;
    pool.delete(key);
    for (const buffer of gpu.staging.splice(0)) buffer.destroy();
    gpu.pipelines.clear();
    gpu.device.destroy();
    return;
  }
}

async function open(options: GpuOptions, onLost: () => void): Promise<Gpu> {
  const found = await findAdapter(options);
  const { adapter } = found;
  // Exactly what is used above the defaults: asking for more than the adapter has fails, asking for everything costs
  // some drivers memory.
  const device = await adapter.requestDevice({
    label: 'preshuffle',
    requiredLimits: {
      maxBufferSize: adapter.limits.maxBufferSize,
      maxStorageBufferBindingSize: Math.min(adapter.limits.maxStorageBufferBindingSize, MOST_BINDING_BYTES),
    },
  });
  const lost = device.lost.then(({ reason, message }): never => {
    onLost();
    throw new DeviceLostError(reason ?? 'unknown', message);
  });
  // Nobody may be waiting when it happens: that is no unhandled rejection.
  lost.catch(() => undefined);
  return {
    device,
    found,
    limits: lowered(device.limits, options.limits ?? {}),
    alignment: device.limits.minStorageBufferOffsetAlignment,
    pipelines: new Map(),
    staging: [],
    failures: [],
    lost,
  };
}

function lowered(real: GPUSupportedLimits, wanted: Partial<GpuLimits>): GpuLimits {
  const least = (name: keyof GpuLimits): number => Math.min(real[name], wanted[name] ?? Number.POSITIVE_INFINITY);
  return {
    maxBufferSize: least('maxBufferSize'),
    maxStorageBufferBindingSize: least('maxStorageBufferBindingSize'),
    maxComputeWorkgroupsPerDimension: least('maxComputeWorkgroupsPerDimension'),
  };
}
