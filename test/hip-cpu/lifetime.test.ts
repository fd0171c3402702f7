// Buffers that are gone, copies beside buffers, LDS of a launch, and objects for another device.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argumentStruct } from '../../backends/hip/args.ts';
import type { Address } from '../../backends/hip/handles.ts';
import { Launcher } from '../../backends/hip/launch.ts';
import { HipStream } from '../../backends/hip/stream.ts';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';

const OUT = argumentStruct('OutArgs', [
  { name: 'y', type: 'ptr' },
  { name: 'n', type: 'u32' },
]);
const TO_DEVICE = 1;
const TO_HOST = 2;
const INVALID_VALUE = 1;

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

  /** An address as a program has it that kept it too long. */
  function freedAddress(bytes: number): bigint {
    const buffer = cpu.memory.allocate(bytes, 'gone');
    const address: bigint = buffer.handle.on(cpu.device.handles);
    cpu.memory.free(buffer);
    return address;
  }

  it('finds a kernel that stores into a freed buffer', async () => {
    using stream = new HipStream(cpu.device, 'stale');
    const kernel = cpu.module('checks').kernel('store_at', OUT, stream);
    launcher.launch(kernel, OUT, { y: freedAddress(1024), n: 3 }, [3, 1, 1], stream);
    await expect(stream.done()).rejects.toThrow('hipErrorIllegalAddress (700)');
    expect(cpu.lastFailure()).toMatch(
      /^kernel store_at, workgroup 2,0,0, wave 0, lane 9: touches address 0x[0-9a-f]+, in a buffer of 1024 bytes at 0x[0-9a-f]+, which was freed$/,
    );
  });

  it('refuses copies and fills of freed buffers, of memory that is none, and beyond the end', () => {
    const { ffi } = cpu.device;
    using stream = new HipStream(cpu.device, 'copies');
    const queue = stream.handle.on(cpu.device.handles);
    const copy = ffi.raw('hipMemcpyAsync');
    const host = new Uint8Array(64);
    const gone = freedAddress(64);
    const buffer = cpu.memory.allocate(64, 'here');
    const here: bigint = buffer.handle.on(cpu.device.handles);

    expect(copy(gone, host, 64, TO_DEVICE, queue)).toBe(INVALID_VALUE);
    expect(cpu.lastFailure()).toMatch(/the target, 64 bytes at address .*, which was freed, is not all in one buffer$/);
    expect(copy(host, gone, 64, TO_HOST, queue)).toBe(INVALID_VALUE);
    expect(copy(0x1230n, host, 64, TO_DEVICE, queue)).toBe(INVALID_VALUE);
    expect(cpu.lastFailure()).toContain('which is in no buffer');
    expect(copy(here + 1n, host, 64, TO_DEVICE, queue)).toBe(INVALID_VALUE);
    expect(cpu.lastFailure()).toContain('1 bytes into a buffer of 64 bytes');
    expect(copy(here + 1n, host, 63, TO_DEVICE, queue)).toBe(0);
    expect(copy(host, here, 64, TO_HOST, queue)).toBe(0);
    expect([...host]).toEqual([0xff, ...new Uint8Array(63)]);
    expect(ffi.raw('hipMemsetAsync')(here, 0, 65, queue)).toBe(INVALID_VALUE);
    expect(ffi.raw('hipFree')(gone as Address<'buffer'>)).toBe(INVALID_VALUE);
    cpu.memory.free(buffer);
  });

  it('gives a kernel the LDS that the launch asks for, and no more', async () => {
    const { ffi, handles, runtime } = cpu.device;
    const { koffi } = runtime;
    using stream = new HipStream(cpu.device, 'dynamic');
    const buffer = cpu.memory.allocate(512, 'y');
    const kernel = cpu.module('checks').kernel('dynamic_lds', OUT, stream).handle.on(handles);
    const base = koffi.alloc('uint8_t', 128) as bigint;
    const view = new DataView(koffi.view(base, 128));
    view.setBigUint64(16, BigInt(OUT.byteLength), true);
    for (const [index, word] of [1n, base, 2n, base + 16n, 3n].entries()) view.setBigUint64(32 + index * 8, word, true);
    const launch = (n: number, lds: number): number => {
      OUT.pack(view, { y: buffer.handle.on(handles), n });
      const queue = stream.handle.on(handles);
      return ffi.raw('hipModuleLaunchKernel')(kernel, 1, 1, 1, 64, 1, 1, lds, queue, null, base + 32n);
    };
    expect(launch(0, 160 * 1024 - 255)).toBe(INVALID_VALUE);
    expect(launch(0, 256)).toBe(0);
    const words = new Uint32Array(128);
    const bytes = new Uint8Array(words.buffer);
    ffi.raw('hipMemcpyAsync')(bytes, buffer.handle.on(handles), 512, TO_HOST, stream.handle.on(handles));
    // 0xffffffff + 2: LDS of the launch is not zeroed either.
    expect(new Set(words)).toEqual(new Set([1]));
    expect(launch(1, 256)).toBe(0);
    await expect(stream.done()).rejects.toThrow('hipErrorIllegalAddress (700)');
    expect(cpu.lastFailure()).toContain('lane 63: touches LDS 0 bytes behind its end (512 bytes)');
    koffi.free(base);
    cpu.memory.free(buffer);
  });

  it('refuses objects that were compiled for another device', () => {
    process.env['PRESHUFFLE_HIP_CPU_ARCH'] = 'gfx942';
    try {
      expect(() => cpu.module('wave')).toThrow('hipErrorNoBinaryForGpu (209)');
      expect(cpu.lastFailure()).toBe('the code object is for gfx950, and the device is gfx942');
    } finally {
      delete process.env['PRESHUFFLE_HIP_CPU_ARCH'];
    }
    expect(cpu.module('wave').kernels).toEqual(['exchanges']);
  });
});
