import { BackendUnavailableError } from '../../src/errors.ts';
import { type AdapterChoice, type AdapterKind, adapterName, type FoundAdapter, isSoftware } from './adapter-info.ts';

/**
 * Finds an adapter: the page's `navigator.gpu`, or Dawn from npm `webgpu` in Node.
 * @throws BackendUnavailableError listing what was tried
 */
export async function findAdapter(choice: AdapterChoice = {}): Promise<FoundAdapter> {
  const provided = globalThis.navigator?.gpu;
  if (provided !== undefined) return fromNavigator(provided, choice.kind ?? 'auto');
  if (globalThis.process?.versions?.node === undefined) {
    throw new BackendUnavailableError(
      'webgpu',
      'this browser has no WebGPU, or the page is not a secure context (https).',
      ['navigator.gpu: undefined'],
    );
  }
  const { findNodeAdapter } = await import('./node/adapter.ts');
  return findNodeAdapter(choice);
}

async function fromNavigator(gpu: GPU, kind: AdapterKind): Promise<FoundAdapter> {
  const options: GPURequestAdapterOptions =
    kind === 'software' ? { forceFallbackAdapter: true } : { powerPreference: 'high-performance' };
  const adapter = await gpu.requestAdapter(options);
  const found = adapter === null ? 'no adapter' : adapterName(adapter.info);
  const tried = [`navigator.gpu.requestAdapter(${JSON.stringify(options)}): ${found}`];
  if (adapter === null) {
    throw new BackendUnavailableError(
      'webgpu',
      'WebGPU is there, but no GPU that it may use. Is it switched off?',
      tried,
    );
  }
  const software = isSoftware(adapter.info);
  if (kind === 'hardware' && software) {
    throw new BackendUnavailableError('webgpu', 'a GPU was asked for, but only a software adapter is there.', tried);
  }
  return { adapter, software, source: 'navigator.gpu', tried };
}
