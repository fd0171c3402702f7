// Every error path against a real HIP runtime: the one that Debian ships (5.2, no device on this machine).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { readCodeObject } from '../../../backends/hip/code-object.ts';
import { HipDevice } from '../../../backends/hip/device.ts';
import { compileHip } from '../../../backends/hip/hiprtc.ts';
import { type HipRuntime, openRuntime } from '../../../backends/hip/library.ts';
import { DeviceMemory } from '../../../backends/hip/memory.ts';
import { HipModule } from '../../../backends/hip/module.ts';
import { PinnedMemory } from '../../../backends/hip/pinned.ts';
import { findHip, probeHipBackend } from '../../../backends/hip/probe.ts';
import { HipStream } from '../../../backends/hip/stream.ts';
import { DEBIAN_LIBRARY, skipWithoutDebian } from './toolchain.ts';

const facts = {
  ordinal: 0,
  name: 'no GPU',
  arch: 'gfx90a',
  target: 'gfx90a',
  computeUnits: 0,
  waveSize: 64,
  ldsBytes: 65536,
  maxThreads: 1024,
  clockMHz: 0,
  l2Bytes: 0,
  dies: 0,
};
const INVALID_DEVICE =
  'hipErrorInvalidDevice (101). Is a GPU visible? See rocminfo, the permissions of /dev/kfd, and HIP_VISIBLE_DEVICES.';

// Needs apt libamdhip64-5; never skipped on a build server.
describe.skipIf(skipWithoutDebian)("AMD's runtime without a device", () => {
  const options = { library: DEBIAN_LIBRARY, oldestMajor: 5 };
  let runtime: HipRuntime;
  let folder: string;
  beforeAll(async () => {
    runtime = await openRuntime(options);
    folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-hiprtc-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is found, and has no device', async () => {
    expect(runtime).toMatchObject({ major: 5, version: '5.2.21153' });
    const noDevice =
      `the HIP runtime ${DEBIAN_LIBRARY} sees no device: hipGetDeviceCount says hipErrorNoDevice (100). Is the GPU visible? ` +
      'See rocminfo, the permissions of /dev/kfd and HIP_VISIBLE_DEVICES.';
    const probe = await probeHipBackend(options);
    const { tried } = probe;
    expect(probe).toMatchObject({ id: 'hip', available: false, summary: noDevice, facts: {} });
    expect(tried).toEqual([
      `${DEBIAN_LIBRARY}: HIP 5.2.21153`,
      expect.stringMatching(/^\/dev\/kfd: (absent|present|this user)/),
    ]);
    const message = `backend "hip" is not available: ${noDevice}\nTried:\n${tried.map((line) => `  - ${line}`).join('\n')}`;
    await expect(openHipBackend(options)).rejects.toThrow(message);
    await expect(findHip({ ...options, device: 1 })).rejects.toThrow(noDevice);
  });

  it('fails each call by an error that names it', () => {
    const device = new HipDevice(runtime, facts);
    const message = `hipSetDevice failed (HIP device 0 (no GPU)): ${INVALID_DEVICE}`;
    expect(() => device.activate()).toThrow(message);
    expect(() => new HipStream(device, 'stream')).toThrow(message);
    expect(() => new PinnedMemory(device, 16, 'pinned')).toThrow(message);
    expect(() => new DeviceMemory(device).allocate(16, 'x')).toThrow(message);
    expect(device.handles.size).toBe(0);
    expect(() => device.ffi.call('hipMemsetAsync', [0n, 0, 1, 0n as never], 'buffer "x"')).toThrow(
      `hipMemsetAsync failed (buffer "x"): ${INVALID_DEVICE}`,
    );
    expect(() => device.ffi.result('hipMalloc', [64])).toThrow(`hipMalloc failed: ${INVALID_DEVICE}`);
    expect(device.ffi.errorName(12345)).toBe('hipErrorUnknown');
    expect(device.ffi.has('hipGetDevicePropertiesR0600')).toBe(false);
    expect(() => device.ffi.raw('hipGetDevicePropertiesR0600')).toThrow(
      `${DEBIAN_LIBRARY} does not export hipGetDevicePropertiesR0600 (Cannot find function 'hipGetDevicePropertiesR0600' in ` +
        'shared library). Use a HIP runtime of ROCm 7.0 or newer; PRESHUFFLE_HIP_LIBRARY names one.',
    );
    expect(() => new HipModule(device, 'text', new TextEncoder().encode('no code object'))).toThrow(
      'code object "text": its 14 bytes are no ELF file. Build it again with "npm run build:hip".',
    );
  });

  describe('the run-time compiler', () => {
    const source = 'extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2.f; }\n';
    const request = { source, name: 'twice.hip', arch: 'gfx90a', oldestMajor: 5 };

    it('is not used when it is too old', async () => {
      await expect(compileHip(runtime, { source, name: 'twice.hip', arch: 'gfx950' })).rejects.toThrow(
        'compiling twice.hip for gfx950: the compiler of HIP 5.2.21153 is too old; install ROCm 7.0 or newer.',
      );
    });

    it('compiles in a process of its own, and once', async () => {
      const cacheFolder = path.join(folder, 'cache');
      const code = await compileHip(runtime, { ...request, cacheFolder });
      expect([...readCodeObject('twice', code).kernels.keys()]).toEqual(['twice']);
      const [file] = readdirSync(cacheFolder);
      expect(file).toMatch(/^[0-9a-f]{64}\.hsaco$/);
      const again = await compileHip({ ...runtime, path: '/nowhere' }, { ...request, cacheFolder });
      expect(Buffer.compare(again, code)).toBe(0);
      await compileHip(runtime, { ...request, source: `${source}// changed`, cacheFolder });
      expect(readdirSync(cacheFolder)).toHaveLength(2);
    });

    it("reports errors in the source in the compiler's words", async () => {
      await expect(compileHip(runtime, { ...request, source: 'wrong', cacheFolder: folder })).rejects.toThrow(
        /^compiling twice\.hip for gfx90a: hiprtcCompileProgram failed \(6\):\n[\s\S]*error: /,
      );
    });

    it('may die without taking this process along', async () => {
      // This compiler does not know gfx950 and aborts.
      await expect(compileHip(runtime, { ...request, arch: 'gfx950', cacheFolder: folder })).rejects.toThrow(
        /^compiling twice\.hip for gfx950: (the compiler ended its process \(SIGABRT\)\. Does HIP 5\.2\.21153 know gfx950\?|hiprtcCompileProgram failed)/,
      );
      expect(readdirSync(folder).filter((name) => name.includes('hsaco'))).toEqual([]);
    });

    it('says which libraries it looked for', async () => {
      const elsewhere = { ...runtime, path: '/nowhere/libamdhip64.so' };
      await expect(compileHip(elsewhere, { ...request, cacheFolder: folder })).rejects.toThrow(
        /no compiler library could be loaded\. Tried:\n\/nowhere\/libhiprtc\.so\.5: .+\nlibhiprtc\.so\.5: .+\n\/nowhere\/libamdhip64\.so: /,
      );
    });
  });
});
