// The CPU runtime finds kernels that do what the device cannot, and goes on afterwards.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CpuDevice, type CpuRun, skipWithoutCompiler } from './cpu-device.ts';

const OUT = { outputs: { y: 1024 }, u32: { n: 0 } } as const;

describe.skipIf(skipWithoutCompiler)('the CPU runtime', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  const words = async (kernel: string, options: CpuRun, output = 'y'): Promise<number[]> => {
    const bytes = (await cpu.run('checks', kernel, options))[output] as Uint8Array;
    return [...new Uint32Array(bytes.buffer)];
  };
  /** The error of a launch, and the line that stderr has for it. */
  const failure = async (kernel: string, options: CpuRun): Promise<readonly [string, string]> => {
    const error = await cpu.run('checks', kernel, options).then(
      () => 'none',
      (caught: Error) => caught.message,
    );
    return [error, cpu.lastFailure()];
  };

  const LAUNCH_FAILURE = /hipErrorLaunchFailure \(719\). A kernel failed on the device/;
  const ILLEGAL_ADDRESS = /hipErrorIllegalAddress \(700\). A kernel touched memory outside its buffers/;

  it.each([
    ['part_of_wave', /wave 1, lane 5: .* this lane has ended, lane 0 is at readfirstlane \(object\+0x[0-9a-f]+\)$/],
    ['two_places', /wave 0, lane 32: .* this lane is at readlane .*, lane 0 is at readfirstlane/],
    ['part_at_barrier', /wave 0, lane 40: .* this lane has ended, lane 0 is at barrier/],
    ['part_copies', /wave 0, lane 32: the wave diverges: this lane has made 0 copies into LDS, lane 0 1$/],
    ['other_part_copies', /wave 0, lane 32: makes a copy into LDS that lane 0 does not make$/],
  ])('reports that the lanes of a wave part: %s', async (kernel, where) => {
    const [error, line] = await failure(kernel, OUT);
    expect(error).toMatch(LAUNCH_FAILURE);
    expect(line).toMatch(new RegExp(`^kernel ${kernel}, workgroup 0,0,0, wave`));
    expect(line).toMatch(where);
  });

  it.each(['forward', 'reverse', 'random:3'])('lets whole waves go different ways, order %s', async (order) => {
    const got = await words('waves_apart', { ...OUT, order });
    const unwritten = 0xffffffff;
    expect(got).toEqual(got.map((_, thread) => (thread >> 6 === 1 ? unwritten : thread >> 6 === 2 ? 128 : thread)));
  });

  it.each([
    [
      'store_at',
      { grid: [3, 1, 1], n: 256 },
      /workgroup 2,0,0, wave 0, lane 9: touches .*, 0 bytes behind the end of a buffer/,
    ],
    [
      'load_at',
      { n: 256 + 3 },
      /lane 3: touches address 0x[0-9a-f]+, 12 bytes behind the end of a buffer of 1024 bytes at/,
    ],
    [
      'load_at',
      { n: 0xffffff00 - 768 },
      /lane 3: touches address 0x[0-9a-f]+, \d+ bytes before a buffer of 1024 bytes at/,
    ],
    ['load_at', { n: 0x7fffffff }, /lane 3: touches address 0x[0-9a-f]+, which is in no buffer/],
    ['lds_behind', { n: 1 }, /lane 63: touches LDS 0 bytes behind its end \(256 bytes\)/],
    ['by_zero', { n: 0 }, /lane 0: divides an integer by zero/],
    ['deep', { n: 1000 }, /lane 0: overflows its stack/],
  ] as const)("reports memory that is not the kernel's: %s %o", async (kernel, { n, ...options }, where) => {
    const [error, line] = await failure(kernel, { ...OUT, ...options, u32: { n } });
    expect(error).toMatch(ILLEGAL_ADDRESS);
    expect(line).toMatch(where);
  });

  it('goes on after all that', async () => {
    expect((await words('deep', { ...OUT, u32: { n: 3 } }))[0]).not.toBe(undefined);
    expect((await words('by_zero', { ...OUT, u32: { n: 7 } }))[0]).toBe(1);
  });

  it('fills new buffers and the LDS of every workgroup with 0xff', async () => {
    const y = await words('fresh_lds', { outputs: { y: 3 * 512 }, u32: { n: 0 }, grid: [3, 1, 1], threads: 1 });
    expect(new Set(y)).toEqual(new Set([0xffffffff]));
  });

  it('leaves nonsense in registers that nobody wrote', async () => {
    const y = await words('unwritten', { ...OUT, u32: { n: 2 } });
    // NaN, as f32.
    expect(y[0]).toBe(0xffffffff);
    expect((await words('unwritten', { ...OUT, u32: { n: 1 } }))[0]).toBe(0xffffffff);
  });

  it('gives a workgroup no more LDS than the device has', async () => {
    const [error] = await failure('lds_too_much', OUT);
    expect(error).toMatch(/hipErrorInvalidValue \(1\)/);
  });

  it('starts waves and workgroups in the order asked for', async () => {
    const run = async (order: string) => {
      const ticket = new Uint32Array(1);
      const options = { inputs: { ticket }, outputs: { waves: 128, groups: 32 }, grid: [8, 1, 1], threads: 1 } as const;
      // The struct has the outputs first.
      const { waves, groups } = await cpu.run('checks', 'order', { ...options, outputsFirst: true, order });
      return {
        waves: [...new Uint32Array((waves as Uint8Array).buffer)],
        groups: [...new Uint32Array((groups as Uint8Array).buffer)],
      };
    };
    const forward = await run('forward');
    expect(forward.waves).toEqual(Array.from({ length: 32 }, (_, index) => index));
    expect((await run('reverse')).waves).toEqual(forward.waves.toReversed());
    const random = await run('random:1');
    expect(random.waves.toSorted((a, b) => a - b)).toEqual(forward.waves);
    expect(random.waves).not.toEqual(forward.waves);
    expect(await run('random:1')).toEqual(random);
    expect(await run('random:2')).not.toEqual(random);
  });

  it('finds a missing barrier by the order of the waves', async () => {
    const options = { outputs: { y: 1024 } };
    const wanted = Array.from({ length: 256 }, (_, thread) => (((thread >> 6) + 1) & 3) * 10);
    for (const order of ['forward', 'reverse', 'random:1', 'random:2']) {
      expect(await words('relay_with_barrier', { ...options, order })).toEqual(wanted);
      expect(await words('relay_without_barrier', { ...options, order })).not.toEqual(wanted);
    }
  });

  it('runs out of memory where it is told to', async () => {
    const before = process.env['PRESHUFFLE_HIP_CPU_MEMORY'];
    process.env['PRESHUFFLE_HIP_CPU_MEMORY'] = '100000';
    try {
      expect(() => cpu.memory.allocate(100001, 'w')).toThrow(
        'is out of memory: 100000 of 100000 bytes are free, this backend holds 0 bytes in 0 buffers.',
      );
      const half = cpu.memory.allocate(60000, 'half');
      expect(() => cpu.memory.allocate(40001, 'rest')).toThrow('40000 of 100000 bytes are free');
      cpu.memory.free(cpu.memory.allocate(40000, 'rest'));
      cpu.memory.free(half);
    } finally {
      if (before === undefined) delete process.env['PRESHUFFLE_HIP_CPU_MEMORY'];
      else process.env['PRESHUFFLE_HIP_CPU_MEMORY'] = before;
    }
  });

  it('refuses settings that it does not know', async () => {
    for (const options of [{ order: 'sideways' }, { order: 'random:x' }, { dma: 'late' as 'lazy' }, { threads: 0 }]) {
      expect((await failure('by_zero', { ...OUT, u32: { n: 1 }, ...options }))[0]).toMatch(/InvalidValue \(1\)/);
    }
  });

  it('finds what was written right behind a buffer', async () => {
    const [error] = await failure('store_at', { outputs: { y: 1020 }, u32: { n: 255 }, grid: [3, 1, 1] });
    expect(error).toMatch(/hipFree failed \(buffer "y"\): hipErrorIllegalAddress/);
  });
});
