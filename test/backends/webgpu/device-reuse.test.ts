import { expect, it } from 'vitest';
import { adapterName, isSoftware } from '../../../backends/webgpu/adapter-info.ts';
import { allocate, downloadBytes, release, uploadBytes } from '../../../backends/webgpu/buffers.ts';
import { acquireGpu, releaseGpu } from '../../../backends/webgpu/device.ts';
import { DeviceLostError, DeviceMemoryError } from '../../../backends/webgpu/errors.ts';

it('shares one device, and keeps the next one when news of the last one comes late', async () => {
  const first = await acquireGpu();
  expect(await acquireGpu()).toBe(first);
  await releaseGpu(first);
  await releaseGpu(first);
  // The first device is being destroyed: its loss is announced while the second is open.
  const second = await acquireGpu();
  await expect(first.lost).rejects.toThrow(DeviceLostError);
  expect(second).not.toBe(first);
  expect(await acquireGpu()).toBe(second);
  await releaseGpu(second);
  await releaseGpu(second);
  await expect(second.lost).rejects.toThrow(DeviceLostError);
});

it('never raises a limit, and lowers those that it is told to', async () => {
  const real = await acquireGpu();
  const low = await acquireGpu({ limits: { maxStorageBufferBindingSize: 512, maxBufferSize: 2 ** 60 } });
  expect(low.limits).toEqual({ ...real.limits, maxStorageBufferBindingSize: 512 });
  await releaseGpu(real);
  await releaseGpu(low);
});

it('refuses buffers that no device of this kind can hold', async () => {
  const gpu = await acquireGpu({ limits: { maxBufferSize: 1024 } });
  expect(() => allocate(gpu, 1025, 'w13')).toThrow(
    new DeviceMemoryError(
      'w13',
      1025,
      'this device allows 1024 bytes in one buffer. Run it in parts, or on the cpu backend.',
    ),
  );
  expect(() => uploadBytes(gpu, new Uint8Array(1025), 'w13')).toThrow(DeviceMemoryError);
  const fits = allocate(gpu, 1021, 'w13');
  expect(fits.buffer.size).toBe(1024);
  expect(await downloadBytes(gpu, fits)).toEqual(new Uint8Array(1021));
  release(gpu, [fits]);
  await releaseGpu(gpu);
});

it('reads back arrays of rising and falling size, several at once', async () => {
  const gpu = await acquireGpu();
  const sizes = [3, 70_000, 5, 200_001, 4];
  const arrays = sizes.map((size, seed) =>
    uploadBytes(
      gpu,
      Uint8Array.from({ length: size }, (_, at) => at * 13 + seed),
      `array ${seed}`,
    ),
  );
  const read = await Promise.all(arrays.map((array) => downloadBytes(gpu, array)));
  for (const [seed, bytes] of read.entries()) {
    expect(bytes.length).toBe(sizes[seed]);
    expect(bytes.every((byte, at) => byte === ((at * 13 + seed) & 255))).toBe(true);
  }
  expect(await downloadBytes(gpu, allocate(gpu, 0, 'empty'))).toEqual(new Uint8Array(0));
  release(gpu, arrays);
  await releaseGpu(gpu);
});

it('reports a buffer that gets no memory, by its name', async () => {
  const gpu = await acquireGpu();
  const array = uploadBytes(gpu, Uint8Array.of(1, 2, 3), 'x');
  // No machine can be made to run out of memory on purpose: this is what a failed allocation leaves behind.
  gpu.failures.push(new DeviceMemoryError('y', 2 ** 40, 'the device has no memory left for it (test).'));
  await expect(downloadBytes(gpu, array)).rejects.toThrow(
    'buffer "y" of 1099511627776 bytes: the device has no memory',
  );
  expect(await downloadBytes(gpu, array)).toEqual(Uint8Array.of(1, 2, 3));
  release(gpu, [array]);
  await releaseGpu(gpu);
});

it.each([
  [{ vendor: 'nvidia', architecture: 'hopper', device: '', description: '' }, 'nvidia hopper', false],
  [
    {
      vendor: 'google',
      architecture: 'swiftshader',
      device: 'swiftshader-device-subzero-',
      description: 'driver 5.0.0',
    },
    'swiftshader-device-subzero (driver 5.0.0)',
    true,
  ],
  [{ vendor: '', architecture: '', device: '', description: '' }, 'unnamed adapter', false],
  [{ vendor: 'mesa', architecture: '', device: 'llvmpipe', description: 'llvmpipe' }, 'llvmpipe', true],
])('names the adapter %o', (info, name, software) => {
  const adapter = { ...info, isFallbackAdapter: false } as GPUAdapterInfo;
  expect(adapterName(adapter)).toBe(name);
  expect(isSoftware(adapter)).toBe(software);
});
