// Streams, events, graphs and modules of the CPU runtime, through the package's own binding.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argumentStruct } from '../../backends/hip/args.ts';
import { HipEvent } from '../../backends/hip/event.ts';
import { HipGraph } from '../../backends/hip/graph.ts';
import type { Address } from '../../backends/hip/handles.ts';
import { Launcher } from '../../backends/hip/launch.ts';
import { HipStream } from '../../backends/hip/stream.ts';
import { Transfers } from '../../backends/hip/transfer.ts';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';

const ATOMICS = argumentStruct('AtomicArgs', [
  { name: 'words', type: 'ptr' },
  { name: 'sum', type: 'ptr' },
  { name: 'pair', type: 'ptr' },
  { name: 'before', type: 'ptr' },
]);
const OUT = argumentStruct('OutArgs', [
  { name: 'y', type: 'ptr' },
  { name: 'n', type: 'u32' },
]);

describe.skipIf(skipWithoutCompiler)('the CPU runtime', () => {
  let cpu: CpuDevice;
  let launcher: Launcher;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
    launcher = new Launcher(cpu.device);
  });
  afterAll(() => {
    launcher.dispose();
    cpu.close();
  });

  it('says what it is', () => {
    expect(cpu.device.facts).toMatchObject({
      arch: 'gfx950',
      waveSize: 64,
      ldsBytes: 163840,
      maxThreads: 1024,
      dies: 8,
    });
    expect(cpu.device.facts.name).toContain('CPU emulation, not a GPU');
  });

  it('records launches and fills in a graph, and runs them each time', async () => {
    using stream = new HipStream(cpu.device, 'main');
    const transfers = new Transfers(cpu.device, stream);
    const memory = cpu.memory.allocate(4096, 'memory');
    const address = memory.handle.on(cpu.device.handles);
    cpu.memory.fill(memory, 0, stream);
    const kernel = cpu.module('memory').kernel('atomics', ATOMICS, stream);
    const values = { words: address, sum: address + 16n, pair: address + 20n, before: address + 64n };
    using graph = new HipGraph(cpu.device, stream, 'two', () => {
      launcher.launch(kernel, ATOMICS, values, [1, 1, 1], stream);
      launcher.launch(kernel, ATOMICS, values, [1, 1, 1], stream);
    });
    const count = async () => new Uint32Array((await transfers.download(memory)).buffer)[0];
    expect(await count()).toBe(0);
    graph.launch(stream);
    graph.launch(stream);
    expect(await count()).toBe(4 * 128);
    await transfers.dispose();
    cpu.memory.free(memory);
  });

  it('measures time between events', async () => {
    using stream = new HipStream(cpu.device, 'main');
    using first = new HipEvent(cpu.device, 'first');
    using second = new HipEvent(cpu.device, 'second');
    first.record(stream);
    second.record(stream);
    await second.done();
    expect(second.millisecondsSince(first)).toBeGreaterThanOrEqual(0);
    using untimed = new HipEvent(cpu.device, 'untimed', { timing: false });
    untimed.record(stream);
    expect(() => untimed.millisecondsSince(first)).toThrow('hipErrorInvalidHandle');
    stream.waitFor(untimed);
    expect(stream.isDone()).toBe(true);
  });

  it('keeps the failure of a kernel in its stream, and in no other', async () => {
    using stream = new HipStream(cpu.device, 'bad');
    using other = new HipStream(cpu.device, 'good');
    const memory = cpu.memory.allocate(1024, 'y');
    const values = { y: memory.handle.on(cpu.device.handles), n: 1 };
    const checks = cpu.module('checks');
    const good = checks.kernel('by_zero', OUT, stream);
    launcher.launch(checks.kernel('two_places', OUT, stream), OUT, values, [1, 1, 1], stream);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(() => launcher.launch(good, OUT, values, [1, 1, 1], stream)).toThrow('hipErrorLaunchFailure (719)');
      await expect(stream.done()).rejects.toThrow('hipErrorLaunchFailure (719)');
      expect(() => cpu.memory.fill(memory, 0, stream)).toThrow('hipErrorLaunchFailure (719)');
    }
    launcher.launch(good, OUT, values, [1, 1, 1], other);
    await other.done();
    cpu.memory.free(memory);
  });

  it('refuses stale handles instead of using them', () => {
    const { ffi } = cpu.device;
    const stale = 0x1230n as Address<'stream'>;
    expect(ffi.raw('hipStreamQuery')(stale)).toBe(400);
    expect(ffi.raw('hipStreamDestroy')(stale)).toBe(400);
    expect(ffi.raw('hipEventQuery')(0x1230n as Address<'event'>)).toBe(400);
    expect(ffi.raw('hipGraphLaunch')(0x1230n as Address<'graph run'>, stale)).toBe(400);
    expect(ffi.raw('hipFree')(0x1230n as Address<'buffer'>)).toBe(1);
  });

  it('loads x86 objects only', () => {
    const load = cpu.device.ffi.raw('hipModuleLoadData');
    expect(load([null], new Uint8Array(64))).toBe(200);
    const elf = new Uint8Array(64);
    elf.set([0x7f, 0x45, 0x4c, 0x46]);
    elf[18] = 224;
    expect(load([null], elf)).toBe(209);
  });
});
