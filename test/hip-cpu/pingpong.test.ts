// Copies into LDS between two groups of waves, right and with the mistake that no test on eager copies finds: neither does an
// emulator of the instruction set, where copies are done at once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/formats/index.ts';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';

const DEPTH = 128 * 5;
const ROWS = 64;
const COLUMNS = 16;

describe.skipIf(skipWithoutCompiler)('two groups of waves that take turns', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  // Small integers, so that every sum is exact.
  const codes = (rows: number, step: number): Uint8Array =>
    Uint8Array.from({ length: rows * DEPTH }, (_, index) => encode('e4m3fn', ((index * step + (index >> 7)) % 9) - 4));
  const x = codes(ROWS, 7);
  const w = codes(COLUMNS, 5);
  const product = Array.from({ length: ROWS * COLUMNS }, (_, index) => {
    const row = Math.floor(index / COLUMNS) * DEPTH;
    const column = (index % COLUMNS) * DEPTH;
    let sum = 0;
    for (let k = 0; k < DEPTH; k += 1) {
      sum += decode('e4m3fn', x[row + k] as number) * decode('e4m3fn', w[column + k] as number);
    }
    return sum;
  });

  async function multiply(kernel: string, dma: 'eager' | 'lazy', order: string): Promise<number[]> {
    const { d } = await cpu.run('pingpong', kernel, {
      inputs: { x, w },
      outputs: { d: ROWS * COLUMNS * 4 },
      u32: { depth: DEPTH },
      dma,
      order,
    });
    return [...new Float32Array((d as Uint8Array).slice().buffer)];
  }

  const ORDERS = ['forward', 'reverse', 'random:1', 'random:2', 'random:3'];

  describe.each(ORDERS)('waves in order %s', (order) => {
    it.each(['eager', 'lazy'] as const)('are right when they wait for their copies, %s', async (dma) => {
      expect(await multiply('ping_pong_right', dma, order)).toEqual(product);
    });

    it('look right with the barrier in the wrong place while copies are done at once', async () => {
      expect(await multiply('ping_pong_skewed_too_early', 'eager', order)).toEqual(product);
    });
  });

  it('are found out by lazy copies', async () => {
    const wrong = await multiply('ping_pong_skewed_too_early', 'lazy', 'forward');
    // The first group read LDS that nobody had written; the second had everything.
    expect(wrong.slice(0, 32 * COLUMNS).some(Number.isNaN)).toBe(true);
    expect(wrong.slice(32 * COLUMNS)).toEqual(product.slice(32 * COLUMNS));
  });
});
