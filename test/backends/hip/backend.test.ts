// The life of tensors on the HIP backend, against a runtime that copies and runs nothing (fake-runtime.c).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, DeviceTensor } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import type { DeviceFacts } from '../../../backends/hip/device.ts';
import { openRuntime } from '../../../backends/hip/library.ts';
import { missingObject, missingObjects, objectFolder, readObject } from '../../../backends/hip/objects.ts';
import { type HipOptions, probeHipBackend } from '../../../backends/hip/probe.ts';
import { OperandError, PreshuffleError, UnsupportedOpError } from '../../../src/errors.ts';
import { columnMajor, rowMajor } from '../../../src/layout/plain.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { type Fake, inspect } from './fake-device.ts';
import { skipWithoutClang, type Workshop, workshop } from './toolchain.ts';

const x = tensorFrom('x', 'u8', [2, 2], Uint8Array.of(1, 2, 3, 4));
const transpose = { to: columnMajor([2, 2]) };

describe.skipIf(skipWithoutClang)('the HIP backend', () => {
  let shop: Workshop;
  let options: HipOptions;
  let fake: Fake;
  beforeAll(async () => {
    shop = workshop();
    const library = shop.fakeRuntime({ NAME: 'CPU emulation, not a GPU', MEMORY: 100000 });
    fake = await inspect(library);
    const objects = path.join(shop.folder, 'objects');
    mkdirSync(objects);
    // A kernel whose description this runtime cannot give: it lacks hipModuleGetGlobal.
    const kernel = shop.library('permute.so', 'const unsigned permute_8__preshuffle[3] = {768, 256, 0};');
    writeFileSync(path.join(objects, 'permute.so'), readFileSync(kernel));
    options = { library, environment: { PRESHUFFLE_HIP_CPU_OBJECTS: objects } };
  });
  afterAll(() => shop.clean());

  async function withBackend(action: (backend: Backend) => Promise<void>): Promise<void> {
    const backend = await openHipBackend(options);
    try {
      await action(backend);
    } finally {
      await backend.dispose();
    }
    expect(fake.live()).toBe(0);
  }

  it('never looks like a GPU when it is none', async () => {
    const probe = await probeHipBackend(options);
    expect(probe).toMatchObject({ id: 'hip', available: true, summary: 'CPU emulation, not a GPU 0 (HIP 7.0.51831)' });
    expect(probe.facts).toMatchObject({ emulated: true, 'HIP version': '7.0.51831', library: options.library });
    expect(probe.tried).toEqual([
      `${options.library}: HIP 7.0.51831`,
      'device 0: CPU emulation, not a GPU 0, gfx950:sramecc+:xnack-',
    ]);
    await withBackend(async ({ id, device }) => {
      expect([id, device]).toEqual(['hip', { name: probe.summary, facts: probe.facts }]);
    });
  });

  it('keeps tensors until they are freed', () =>
    withBackend(async (backend) => {
      const handle = await backend.upload(x);
      expect(handle).toMatchObject({ name: 'x', type: 'u8', backend: 'hip' });
      expect(handle).not.toHaveProperty('bytes');
      expect(await backend.download(handle)).toEqual(x);
      const moved = backend.relabel(handle, { layout: transpose.to, name: 'xt' });
      const gone = (name: string): PreshuffleError =>
        new PreshuffleError(
          'device-tensor',
          `tensor "${name}" is not on this hip backend: it was freed, or belongs to another backend. Upload it again.`,
        );
      await expect(backend.download(handle)).rejects.toThrow(gone('x'));
      expect(await backend.download(moved)).toEqual({ ...x, name: 'xt', layout: transpose.to });
      expect(() => backend.relabel(moved, { layout: rowMajor([5]) })).toThrow(
        'tensor "xt": 4 bytes are on the device, but u8 [5] in layout row-major takes 5 bytes. Check shape and padding.',
      );
      backend.free(moved);
      expect(() => backend.free(moved)).toThrow(gone('xt'));
      await expect(backend.runOnDevice('permute', transpose, { x: moved })).rejects.toThrow(gone('xt'));
      const other = await openHipBackend(options);
      const theirs = await other.upload(x);
      await expect(backend.download(theirs)).rejects.toThrow(gone('x'));
      await other.dispose();
    }));

  it('gives everything back when an op cannot run', () =>
    withBackend(async (backend) => {
      const before = fake.used();
      await expect(backend.run('permute', transpose, { x })).rejects.toThrow(
        `permute: HIP kernel permute/permute_8: ${options.library} does not export hipModuleGetGlobal (Cannot find function ` +
          "'hipModuleGetGlobal' in shared library). Use a HIP runtime of ROCm 7.0 or newer; PRESHUFFLE_HIP_LIBRARY names one.",
      );
      await expect(backend.run('permute', { to: rowMajor([2, 2]) }, { x })).rejects.toThrow(
        'permute: HIP kernel permute/permute_16: code object "permute": has no kernel "permute_16"; its kernels are: permute_8.',
      );
      expect(fake.used()).toBe(before);
      const large = tensorFrom('w', 'u8', [200000], new Uint8Array(200000));
      await expect(backend.upload(large)).rejects.toThrow(
        /^buffer "w" of 200000 bytes: HIP device 0 \(CPU emulation, not a GPU 0\) is out of memory: 100000 of 100000 bytes are free, /,
      );
      await expect(backend.run('permute', { to: rowMajor([200000]) }, { x: large })).rejects.toThrow('buffer "w"');
      expect(fake.used()).toBe(before);
      expect(await backend.download(await backend.upload(x))).toEqual(x);
    }));

  it('reports wrong operands as the op does, and a missing kernel by the reason of supports()', () =>
    withBackend(async (backend) => {
      await expect(backend.run('permute', { to: rowMajor([4, 4]) }, { x })).rejects.toThrow(OperandError);
      const glu = tensorFrom('glu', 'f64', [1], Float64Array.of(1));
      await expect(backend.run('permute', { to: rowMajor([1]) }, {} as never)).rejects.toThrow(OperandError);
      expect(backend.supports('permute', transpose, { x })).toEqual({ supported: true });
      const support = backend.supports('encode', { format: 'e4m3fn' } as never, { x: glu } as never);
      if (!support.supported) expect(support.reason).toContain('objects has no encode.so. Build them with ');
      const deep = rowMajor(Array(9).fill(2));
      const nine = tensorFrom('x', 'u8', deep.shape, new Uint8Array(512));
      await expect(backend.run('permute', { to: deep }, { x: nine })).rejects.toThrow(
        new UnsupportedOpError(
          'hip',
          'permute',
          '9 dimensions with 8 and 8 digits exceed the 8 dimensions and 16 digits of the kernel: use the cpu backend.',
        ),
      );
    }));

  it('refuses everything after its end, and may be disposed twice', async () => {
    const backend = await openHipBackend(options);
    const handle: DeviceTensor = await backend.upload(x);
    const running = backend.upload(x).catch(() => undefined);
    await Promise.all([backend.dispose(), backend.dispose()]);
    await backend.dispose();
    await running;
    const disposed = 'this hip backend was disposed. Open it again with openHip().';
    await expect(backend.upload(x)).rejects.toThrow(disposed);
    await expect(backend.download(handle)).rejects.toThrow(disposed);
    await expect(backend.run('permute', transpose, { x })).rejects.toThrow(disposed);
    await expect(backend.runOnDevice('permute', transpose, { x: handle })).rejects.toThrow(disposed);
    expect(() => backend.free(handle)).toThrow(disposed);
    expect(() => backend.relabel(handle, { layout: transpose.to })).toThrow(disposed);
    expect(fake.live()).toBe(0);
  });

  it('is not available without code objects', async () => {
    const { library } = options;
    await expect(openHipBackend({ ...options, environment: {} })).rejects.toThrow(
      'backend "hip" is not available: the CPU runtime needs PRESHUFFLE_HIP_CPU_OBJECTS, the folder of its code objects. ' +
        'Build them with "node src/tools/hip/build-cpu.mjs".\nTried:\n' +
        `  - ${library}: HIP 7.0.51831\n  - device 0: CPU emulation, not a GPU 0, gfx950:sramecc+:xnack-`,
    );
    const environment = { PRESHUFFLE_HIP_CPU_OBJECTS: '/nowhere' };
    expect((await probeHipBackend({ ...options, environment })).summary).toMatch(
      /^PRESHUFFLE_HIP_CPU_OBJECTS names \/nowhere, which is not there\. Build them /,
    );
  });
});

describe.skipIf(skipWithoutClang)('code objects', () => {
  it('of the package lie by architecture', async () => {
    const shop = workshop();
    const runtime = await openRuntime({ library: shop.fakeRuntime(), environment: {} });
    const gpu = { name: 'a GPU', arch: 'gfx000' } as DeviceFacts;
    const folder = path.resolve('backends/hip/objects/gfx000');
    expect(objectFolder(runtime, gpu)).toBe(folder);
    expect(missingObjects(runtime, gpu)).toBe(
      `this package has no code objects for gfx000 (${folder}). Build them with "npm run build:hip".`,
    );
    const missing = 'this package has no code object "permute" for gfx000. Build them with "npm run build:hip".';
    expect(missingObject(runtime, gpu, 'permute')).toBe(missing);
    expect(() => readObject(runtime, gpu, 'permute')).toThrow(`code object "permute": ${missing}`);
    const cpu = { name: 'CPU emulation, not a GPU', arch: 'gfx950' } as DeviceFacts;
    const emulated = { ...runtime, environment: { PRESHUFFLE_HIP_CPU_OBJECTS: shop.folder } };
    expect(() => readObject(emulated, cpu, 'permute')).toThrow(
      `code object "permute": ${shop.folder} has no permute.so. Build them with "node src/tools/hip/build-cpu.mjs".`,
    );
    mkdirSync(path.join(shop.folder, 'folder.so'));
    expect(() => readObject(emulated, cpu, 'folder')).toThrow(/folder\.so cannot be read \(.*EISDIR/);
    shop.clean();
  });
});
