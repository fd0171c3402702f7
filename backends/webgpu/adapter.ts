import { BackendUnavailableError } from '../../src/errors.ts';

/** Which kind of device to take. `auto`: a GPU when there is one, else a software one. */
export type AdapterKind = 'auto' | 'hardware' | 'software';

export interface AdapterChoice {
  /** Default: the environment variable PRESHUFFLE_WEBGPU in Node, else `auto`. */
  readonly kind?: AdapterKind;
}

/** An adapter that was found, and how. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** Runs on the CPU (SwiftShader, llvmpipe). */
  readonly software: boolean;
  /** Where it came from, e.g. `navigator.gpu` or `npm @sparticuz/chromium 147.0.0`. */
  readonly source: string;
  /** Every place that was looked at before, and what was there. */
  readonly tried: readonly string[];
}

/**
 * Finds an adapter: the page's `navigator.gpu`, or Dawn from npm `webgpu` in Node.
 * @throws BackendUnavailableError listing what was tried
 */
export async function findAdapter(choice: AdapterChoice = {}): Promise<FoundAdapter> {
  const provided = globalThis.navigator?.gpu;
  if (provided !== undefined) return fromNavigator(provided, choice.kind ?? 'auto');
  if (globalThis.process?.versions?.node === undefined) {
    throw new BackendUnavailableError('webgpu', 'this browser has no WebGPU, or the page is not a secure context (https).', [
      'navigator.gpu: undefined',
    ]);
  }
  const { findNodeAdapter } = await import('./node/adapter.ts');
  return findNodeAdapter(choice);
}

async function fromNavigator(gpu: GPU, kind: AdapterKind): Promise<FoundAdapter> {
  const adapter = await gpu.requestAdapter(
    kind === 'software' ? { forceFallbackAdapter: true } : { powerPreference: 'high-performance' },
  );
  const found = adapter === null ? 'no adapter' : adapterName(adapter.info);
  const tried = [`navigator.gpu: ${found}`];
  if (adapter === null) {
    throw new BackendUnavailableError('webgpu', 'WebGPU is there, but no GPU that it may use. Is it switched off?', tried);
  }
  const software = isSoftware(adapter.info);
  if (kind === 'hardware' && software) {
    throw new BackendUnavailableError('webgpu', 'a GPU was asked for, but only a software adapter is there.', tried);
  }
  return { adapter, software, source: 'navigator.gpu', tried };
}

/** Whether an adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/.test(text);
}

/** One line for people, e.g. `NVIDIA H200 (driver 580.159.04)`. */
export function adapterName(info: GPUAdapterInfo): string {
  const device = info.device === '' ? [info.vendor, info.architecture].filter(Boolean).join(' ') : info.device;
  const name = device === '' ? 'unnamed adapter' : device;
  return info.description === '' || info.description === name ? name : `${name} (${info.description})`;
}
