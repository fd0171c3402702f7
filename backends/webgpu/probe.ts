import { BackendUnavailableError } from '../../src/errors.ts';
import type { BackendProbe } from '../backend.ts';
import { findAdapter } from './adapter.ts';
import { type AdapterChoice, adapterName, type FoundAdapter } from './adapter-info.ts';

/** Looks for a WebGPU device without opening it: what was found, what was tried, what is missing. */
export async function probeWebGpu(choice: AdapterChoice = {}): Promise<BackendProbe> {
  try {
    const found = await findAdapter(choice);
    return {
      id: 'webgpu',
      available: true,
      summary: adapterName(found.adapter.info),
      facts: facts(found),
      tried: found.tried,
    };
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error;
    const [summary = ''] = error.message.split('\n');
    return { id: 'webgpu', available: false, summary, facts: {}, tried: error.tried };
  }
}

/** What reports say about the device. */
export function facts({
  adapter,
  software,
  source,
}: FoundAdapter): Readonly<Record<string, string | number | boolean>> {
  const { info, limits, features } = adapter;
  return {
    source,
    software,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    'max buffer (MiB)': mebibytes(limits.maxBufferSize),
    'max storage binding (MiB)': mebibytes(limits.maxStorageBufferBindingSize),
    'workgroups per dimension': limits.maxComputeWorkgroupsPerDimension,
    'shader-f16': features.has('shader-f16'),
    subgroups: features.has('subgroups'),
  };
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
