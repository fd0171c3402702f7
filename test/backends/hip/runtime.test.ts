// Handles, memory, streams, events and graphs against a runtime that keeps what it is told (fake-runtime.c).
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chooseDevice, type HipDevice } from '../../../backends/hip/device.ts';
import { HipEvent } from '../../../backends/hip/event.ts';
import { HipGraph } from '../../../backends/hip/graph.ts';
import { openRuntime } from '../../../backends/hip/library.ts';
import { DeviceMemory } from '../../../backends/hip/memory.ts';
import { PinnedMemory } from '../../../backends/hip/pinned.ts';
import { HipStream } from '../../../backends/hip/stream.ts';
import { Transfers } from '../../../backends/hip/transfer.ts';
import { type Fake, fakeDevice, inspect } from './fake-device.ts';
import { skipWithoutClang, type Workshop, workshop } from './toolchain.ts';

let shop: Workshop;
beforeAll(() => {
  shop = workshop();
});
afterAll(() => shop.clean());

async function open(
  settings: Readonly<Record<string, string | number>> = {},
): Promise<{ readonly device: HipDevice; readonly fake: Fake; readonly library: string }> {
  const library = shop.fakeRuntime(settings);
  return { library, device: await fakeDevice(library), fake: await inspect(library) };
}

describe.skipIf(skipWithoutClang)('a device', () => {
  it('says what it is, and what it does not know is zero', async () => {
    const { device } = await open();
    expect(device.facts).toEqual({
      ordinal: 0,
      name: 'Fake GPU 0',
      arch: 'gfx950',
      target: 'gfx950:sramecc+:xnack-',
      computeUnits: 256,
      waveSize: 64,
      ldsBytes: 163840,
      maxThreads: 0,
      clockMHz: 2400,
      l2Bytes: 0,
      dies: 0,
    });
  });

  it('is refused when there are no kernels for it', async () => {
    const runtime = await openRuntime({ library: shop.fakeRuntime({ ARCH: 'gfx1100', DEVICES: 2 }) });
    expect(() => chooseDevice(runtime)).toThrow(
      'backend "hip" is not available: device 0 is Fake GPU 0 (gfx1100), device 1 is Fake GPU 1 (gfx1100); there are kernels ' +
        'for gfx950 and gfx942 only. Use the webgpu or cpu backend.',
    );
    expect(() => chooseDevice(runtime, 1)).toThrow(
      'not available: device 1 is Fake GPU 1 (gfx1100); there are kernels',
    );
    expect(() => chooseDevice(runtime, 2)).toThrow(
      'device 2 was asked for, but the runtime sees 2: give a number from 0 to 1.',
    );
    expect(() => chooseDevice(runtime, -1)).toThrow('device -1 was asked for');
    const empty = await openRuntime({ library: shop.fakeRuntime({ DEVICES: 0 }) });
    expect(() => chooseDevice(empty)).toThrow('sees no device: hipGetDeviceCount says hipErrorNoDevice (100).');
  });

  it('is made current before everything that belongs to it', async () => {
    const library = shop.fakeRuntime({ DEVICES: 3 });
    const [one, two] = [await fakeDevice(library, 1), await fakeDevice(library, 2)];
    const fake = await inspect(library);
    new HipStream(two, 'a').dispose();
    expect(fake.device()).toBe(2);
    const buffer = new DeviceMemory(one).allocate(16, 'x');
    expect(fake.device()).toBe(1);
    new HipEvent(two, 'e').dispose();
    expect(fake.device()).toBe(2);
    buffer.handle.dispose(one.handles);
    expect(() => two.runtime.ffi.call('hipSetDevice', [3])).toThrow(
      'hipSetDevice failed: hipErrorInvalidDevice (101).',
    );
  });

  it('needs only the functions that are used', async () => {
    const library = shop.library(
      'libsmall.so',
      'int hipRuntimeGetVersion(int *v) { return *v = 70000000, 0; } int hipGetDeviceCount(int *n) { return *n = 1, 0; }',
    );
    const runtime = await openRuntime({ library });
    const message =
      `${library} does not export hipGetDeviceProperties (Cannot find function 'hipGetDeviceProperties' in shared library). ` +
      'Use a HIP runtime of ROCm 7.0 or newer; PRESHUFFLE_HIP_LIBRARY names one.';
    expect(() => chooseDevice(runtime)).toThrow(message);
    expect(runtime.ffi.errorName(2)).toBe('unknown error');
  });
});

describe.skipIf(skipWithoutClang)('handles', () => {
  it('are refused after their end and on other devices, and the process lives', async () => {
    const { device, fake, library } = await open({ DEVICES: 2 });
    const other = await fakeDevice(library, 1);
    const memory = new DeviceMemory(device);
    const stream = new HipStream(device, 'main');
    const foreign = new HipStream(other, 'theirs');
    const event = new HipEvent(device, 'start');
    const buffer = memory.allocate(64, 'x');
    expect(() => memory.fill(buffer, 0, foreign)).toThrow(
      'stream "theirs" belongs to HIP device 1 (Fake GPU 1), and was given to HIP device 0 (Fake GPU 0). Make it on the ' +
        'device that uses it.',
    );
    expect(() => event.record(foreign)).toThrow('stream "theirs" belongs to HIP device 1');
    expect(() => new DeviceMemory(other).free(buffer)).toThrow('buffer "x" belongs to HIP device 0');
    memory.free(buffer);
    const gone = 'buffer "x" was disposed. Make a new one, or dispose it later.';
    expect(() => memory.free(buffer)).toThrow(gone);
    expect(() => memory.fill(buffer, 0, stream)).toThrow(gone);
    await expect(new Transfers(device, stream).upload(Uint8Array.of(1), buffer)).rejects.toThrow(gone);
    stream.dispose();
    const ended = 'stream "main" was disposed.';
    expect(() => stream.dispose()).toThrow(ended);
    expect(() => stream.isDone()).toThrow(ended);
    expect(() => stream.synchronize()).toThrow(ended);
    await expect(stream.done()).rejects.toThrow(ended);
    expect(() => event.record(stream)).toThrow(ended);
    foreign.dispose();
    event.dispose();
    expect(device.close()).toEqual([]);
    expect(other.close()).toEqual([]);
    expect(fake.live()).toBe(0);
  });

  it('end with their block, and all that is left with the device', async () => {
    const { device, fake } = await open();
    {
      using stream = new HipStream(device, 'block');
      using event = new HipEvent(device, 'block');
      using pinned = new PinnedMemory(device, 16, 'block');
      stream.synchronize();
      event.record(stream);
      pinned.bytes[3] = 1;
      expect(fake.live()).toBe(3);
    }
    expect(fake.live()).toBe(0);
    const stream = new HipStream(device, 'left');
    new DeviceMemory(device).allocate(16, 'left');
    expect(device.handles.size).toBe(2);
    expect(device.close()).toEqual([]);
    expect(fake.live()).toBe(0);
    expect(() => stream.synchronize()).toThrow('stream "left" was disposed.');
  });

  it('that were forgotten are freed with a warning', async () => {
    const { device, fake } = await open();
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    (() => {
      for (let index = 0; index < 8; index += 1) new DeviceMemory(device).allocate(16, 'forgotten');
    })();
    for (let round = 0; round < 50 && fake.live() > 1; round += 1) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(fake.live()).toBeLessThanOrEqual(1);
    expect(warn).toHaveBeenCalledWith(
      'buffer "forgotten" on HIP device 0 (Fake GPU 0) was never disposed; it is freed now.',
      { type: 'HipLeakWarning' },
    );
    warn.mockRestore();
    device.close();
  });
});

describe.skipIf(skipWithoutClang)('memory', () => {
  it('is counted, and running out of it says how much there is', async () => {
    const { device, fake } = await open({ MEMORY: 10000 });
    const memory = new DeviceMemory(device);
    const first = memory.allocate(6000, 'first');
    const second = memory.allocate(1000, 'second');
    expect([memory.bytes, memory.buffers, fake.used()]).toEqual([7000, 2, 7000]);
    expect(() => memory.allocate(4000, 'w13')).toThrow(
      'buffer "w13" of 4000 bytes: HIP device 0 (Fake GPU 0) is out of memory: 3000 of 10000 bytes are free, this backend ' +
        'holds 7000 bytes in 2 buffers. Free tensors, or run the work in parts.',
    );
    memory.free(first);
    memory.allocate(4000, 'w13');
    expect([memory.bytes, memory.peak, memory.buffers]).toEqual([5000, 7000, 2]);
    const empty = memory.allocate(0, 'empty');
    expect(empty.byteLength).toBe(0);
    memory.free(empty);
    memory.free(second);
    device.close();
    expect([memory.bytes, memory.buffers, fake.used(), fake.live()]).toEqual([0, 0, 0, 0]);
    expect(() => new PinnedMemory(device, 1_000_000, 'staging')).toThrow(
      'buffer "staging" of 1000000 bytes: the system cannot pin as much host memory. See "ulimit -l", or use less.',
    );
  });

  it('goes there and back in pieces, one copy after the other', async () => {
    const { device, fake } = await open({ MEMORY: 2 ** 27, BUSY: 3 });
    const memory = new DeviceMemory(device);
    const stream = new HipStream(device, 'main');
    const transfers = new Transfers(device, stream);
    const sizes = [0, 1, 70_000, 2 ** 24, 2 ** 24 + 5, 2 ** 25 + 1];
    const arrays = sizes.map((size) => {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 1) bytes[at] = at * 31 + (at >> 9) + size;
      return bytes;
    });
    const buffers = sizes.map((size) => memory.allocate(size, `x${size}`));
    await Promise.all(buffers.map((buffer, index) => transfers.upload(arrays[index] as Uint8Array, buffer)));
    const back = await Promise.all(buffers.map((buffer) => transfers.download(buffer)));
    for (const [index, bytes] of back.entries()) expect(Buffer.compare(bytes, arrays[index] as Uint8Array)).toBe(0);
    await transfers.dispose();
    device.close();
    expect(fake.live()).toBe(0);
  });

  it('pinned is an array until it is disposed', async () => {
    const { device } = await open();
    const pinned = new PinnedMemory(device, 5, 'p');
    expect(pinned.bytes).toEqual(new Uint8Array(5));
    pinned.dispose();
    expect(() => pinned.bytes).toThrow('pinned memory "p" was disposed.');
    expect(() => pinned.address).toThrow('pinned memory "p" was disposed.');
    pinned[Symbol.dispose]();
  });
});

describe.skipIf(skipWithoutClang)('waiting', () => {
  it('lets other work run, and ends with the work', async () => {
    const { device } = await open({ BUSY: 40 });
    const stream = new HipStream(device, 'main');
    const event = new HipEvent(device, 'end', { timing: false });
    event.record(stream);
    expect(stream.isDone()).toBe(false);
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    await event.done();
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    expect([event.isDone(), stream.isDone()]).toEqual([true, true]);
    await stream.done();
    stream.waitFor(event);
    device.close();
  });

  it('says when a kernel failed', async () => {
    const { device } = await open({ FAULT: 700, BUSY: 2 });
    const stream = new HipStream(device, 'main');
    new HipEvent(device, 'e').record(stream);
    const message =
      'hipStreamQuery failed (stream "main"): hipErrorIllegalAddress (700). A kernel touched memory outside its buffers. Open ' +
      'the backend again; its tensors are lost.';
    await expect(stream.done()).rejects.toThrow(message);
    expect(() => stream.isDone()).toThrow(message);
    device.close();
  });

  it('measures the time between two events', async () => {
    const { device } = await open();
    const [from, to] = [new HipEvent(device, 'from'), new HipEvent(device, 'to')];
    expect(to.millisecondsSince(from)).toBe(1.5);
    const timeless = new HipEvent(device, 'timeless', { timing: false });
    expect(() => timeless.millisecondsSince(from)).toThrow(
      'hipEventElapsedTime failed (events "from", "timeless"): hipErrorUnknown (400).',
    );
    device.close();
  });
});

describe.skipIf(skipWithoutClang)('a graph', () => {
  it('that fails while it is recorded ends the capture and leaves nothing behind', async () => {
    const { device, fake } = await open();
    const stream = new HipStream(device, 'main');
    expect(
      () =>
        new HipGraph(device, stream, 'g', () => {
          throw new Error('no such kernel');
        }),
    ).toThrow('no such kernel');
    expect(fake.live()).toBe(1);
    const graph = new HipGraph(device, stream, 'g', () => undefined);
    graph.launch(stream);
    graph.dispose();
    expect(() => graph.launch(stream)).toThrow('graph run "g" was disposed.');
    stream.dispose();
    expect(fake.live()).toBe(0);
  });
});
