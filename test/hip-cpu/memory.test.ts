// Buffers with bounds, copies into LDS that end late, and atomics.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CpuDevice, type CpuRun, skipWithoutCompiler } from './cpu-device.ts';

describe.skipIf(skipWithoutCompiler)('memory', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  const run = async (kernel: string, options: CpuRun): Promise<Uint8Array> =>
    (await cpu.run('memory', kernel, options))['y'] as Uint8Array;
  const shifts = { shift: 0, uniform_shift: 0 };
  const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));

  describe('behind a descriptor', () => {
    it.each([8, 16, 32, 64, 128])('loads zeros and stores nothing outside, %i bits', async (bits) => {
      const size = bits / 8;
      const x = pattern(64 * size);
      const outputs = { y: x.length };
      const inside = 40 * size;
      const y = await run(`move_${bits}`, { inputs: { x }, outputs, u32: { bytes: inside, ...shifts } });
      const wanted = x.map((byte, index) => (index < inside ? byte : 0xff));
      expect(y).toEqual(wanted);
      const shift = 8 * size;
      const shifted = await run(`move_${bits}`, { inputs: { x }, outputs, u32: { bytes: inside, ...shifts, shift } });
      const later = x.map((_, index) =>
        index >= inside ? 0xff : index + shift < inside ? (x[index + shift] ?? 0) : 0,
      );
      expect(shifted).toEqual(later);
    });

    it.each([
      ['partly inside', { bytes: 40 * 16 + 4, ...shifts }, 'at an offset that is only partly inside'],
      ['outside by the uniform offset', { bytes: 40 * 16, shift: 0, uniform_shift: 16 }, 'by the uniform offset'],
      ['not aligned', { bytes: 64 * 16, shift: 2, uniform_shift: 0 }, 'at an address that is not aligned'],
    ])('does not guess what an access does that is %s', async (_, u32, what) => {
      const options = { inputs: { x: pattern(1024) }, outputs: { y: 1024 }, u32 };
      await expect(run('move_128', options)).rejects.toThrow('hipErrorLaunchFailure (719)');
      expect(cpu.lastFailure()).toContain(what);
    });

    it('adds the uniform offset', async () => {
      const x = pattern(2048);
      const u32 = { bytes: 2048, shift: 16, uniform_shift: 32 };
      expect(await run('move_128', { inputs: { x }, outputs: { y: 2048 }, u32 })).toEqual(
        Uint8Array.from(x, (_, index) => (index < 1024 ? (x[index + 48] as number) : 0xff)),
      );
    });
  });

  describe.each(['eager', 'lazy'] as const)('copies into LDS, %s', (dma) => {
    it.each([4, 16])('put %i bytes a lane in the order of the lanes', async (size) => {
      const x = pattern(256 * size);
      for (const order of ['forward', 'reverse', 'random:5']) {
        // Bytes of the last 32 lanes, which read the beginning of x, are cut off at the end instead.
        const bytes = 224 * size;
        const options = { inputs: { x }, outputs: { y: x.length }, u32: { bytes, ...shifts }, dma, order };
        const wanted = x.map((_, index) => {
          const lane = 255 - ((((index / size) | 0) + 64) & 255);
          return lane < 224 ? (x[lane * size + (index % size)] as number) : 0;
        });
        expect(await run(`mirror_${size}`, options)).toEqual(wanted);
      }
    });

    it('are counted together with loads', async () => {
      const x = pattern(512);
      const y = await run('counts_loads', { inputs: { x }, outputs: { y: 256 }, u32: { bytes: 512, ...shifts }, dma });
      expect(y).toEqual(x.slice(0, 256));
    });

    it('need an address that is the same for the wave', async () => {
      const options = { inputs: { x: pattern(256) }, outputs: { y: 256 }, u32: { bytes: 256, ...shifts }, dma };
      await expect(run('lds_address_by_lane', options)).rejects.toThrow('hipErrorLaunchFailure (719)');
      expect(cpu.lastFailure()).toContain('not the same for the whole wave');
    });
  });

  describe('a pipeline of copies', () => {
    const TILES = 6;
    const x = Uint32Array.from({ length: TILES * 256 }, (_, index) => index * 31);
    const wanted = Uint32Array.from({ length: 256 }, (_, thread) => {
      const place = (thread + 64) & 255;
      return Array.from({ length: TILES }, (_, tile) => x[tile * 256 + place] as number).reduce((a, b) => a + b, 0);
    });
    const sums = async (kernel: string, dma: 'eager' | 'lazy', order: string): Promise<Uint32Array> => {
      const u32 = { bytes: TILES * 1024, ...shifts };
      const y = await run(kernel, { inputs: { x }, outputs: { y: 1024 }, u32, dma, order });
      return new Uint32Array(y.buffer);
    };
    const ORDERS = ['forward', 'reverse', 'random:1', 'random:2', 'random:3'];

    it.each(ORDERS)('is right when copies end early or late, waves in order %s', async (order) => {
      expect(await sums('pipeline_right', 'eager', order)).toEqual(wanted);
      expect(await sums('pipeline_right', 'lazy', order)).toEqual(wanted);
    });

    it.each(['pipeline_without_wait', 'pipeline_barrier_too_early', 'pipeline_waits_for_too_few'])(
      '%s: passes when copies end at once, and is caught when they end late',
      async (kernel) => {
        for (const order of ORDERS) {
          expect(await sums(kernel, 'eager', order)).toEqual(wanted);
          expect(await sums(kernel, 'lazy', order)).not.toEqual(wanted);
        }
      },
    );
  });

  it('is shared by atomics of all workgroups', async () => {
    const GROUPS = 40;
    const threads = GROUPS * 128;
    const result = await cpu.run('memory', 'atomics', {
      inouts: {
        words: new Uint32Array(4),
        sum: new Float32Array(1),
        pair: new Uint16Array(2),
        before: new Uint32Array(threads),
      },
      grid: [GROUPS, 1, 1],
      threads: 4,
    });
    const u32 = (name: string): number[] => [...new Uint32Array((result[name] as Uint8Array).buffer)];
    expect(u32('words')).toEqual([threads, 999, 0x7fffffff, threads * 3]);
    expect(u32('before').toSorted((a, b) => a - b)).toEqual(Array.from({ length: threads }, (_, index) => index));
    expect(new Float32Array((result['sum'] as Uint8Array).buffer)[0]).toBe(threads / 2);
    // 640 is a multiple of 4, but one more than 256 is no bf16: ties to even keep the sums at 256 and at -512.
    expect(u32('pair')).toEqual([0xc4004380]);
  });
});
