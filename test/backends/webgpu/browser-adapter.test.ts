import { afterEach, expect, it, vi } from 'vitest';
import { findAdapter } from '../../../backends/webgpu/adapter.ts';
import { BackendUnavailableError } from '../../../src/errors.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** What a page or a worker has as `navigator.gpu`. */
function browserWith(info: Partial<GPUAdapterInfo> | null): ReturnType<typeof vi.fn> {
  const defaults = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  const requestAdapter = vi.fn(async () => (info === null ? null : { info: { ...defaults, ...info } }));
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
  return requestAdapter;
}

it('takes the adapter of the browser, and never looks for one in Node', async () => {
  const requestAdapter = browserWith({ vendor: 'google', architecture: 'swiftshader' });
  const found = await findAdapter();
  expect(requestAdapter).toHaveBeenCalledWith({ powerPreference: 'high-performance' });
  expect(found).toMatchObject({ software: true, source: 'navigator.gpu' });
  expect(found.tried).toEqual([
    'navigator.gpu.requestAdapter({"powerPreference":"high-performance"}): google swiftshader',
  ]);
});

it('says what was asked when a browser has no adapter', async () => {
  browserWith(null);
  const refused = findAdapter({ kind: 'software' });
  await expect(refused).rejects.toThrow(BackendUnavailableError);
  await expect(refused).rejects.toMatchObject({
    reason: 'WebGPU is there, but no GPU that it may use. Is it switched off?',
    tried: ['navigator.gpu.requestAdapter({"forceFallbackAdapter":true}): no adapter'],
  });
});

it('does not take a software adapter for hardware', async () => {
  browserWith({ architecture: 'swiftshader' });
  await expect(findAdapter({ kind: 'hardware' })).rejects.toThrow('only a software adapter is there');
});
