// Exchange between the lanes of a wave, against the meaning of the instructions.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';

const THREADS = 128;

describe.skipIf(skipWithoutCompiler)('lanes of a wave', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  it.each(['forward', 'reverse', 'random:7'])('exchange values, waves in order %s', async (order) => {
    const x = Uint32Array.from({ length: THREADS }, (_, thread) => (thread * 7919) % 1009);
    const expected = operations(x);
    const { y } = await cpu.run('wave', 'exchanges', {
      inputs: { x },
      outputs: { y: expected.length * THREADS * 4 },
      order,
    });
    const got = new Uint32Array((y as Uint8Array).buffer);
    for (const [row, [name, values]] of expected.entries()) {
      expect([name, ...got.subarray(row * THREADS, (row + 1) * THREADS)]).toEqual([name, ...values]);
    }
  });
});

function operations(x: Uint32Array): (readonly [string, readonly number[]])[] {
  const threads = [...x.keys()];
  /** Value of a lane of the thread's own wave. */
  const at = (thread: number, lane: number): number => x[(thread & ~63) + lane] as number;
  const each = (name: string, value: (thread: number, lane: number) => number) =>
    [name, threads.map((thread) => value(thread, thread & 63))] as const;
  const from = (name: string, source: (lane: number) => number) =>
    each(name, (thread, lane) => (source(lane) < 0 ? 0 : at(thread, source(lane))));
  const group = (thread: number, lanes: number): number[] =>
    Array.from({ length: lanes }, (_, index) => x[(thread & ~(lanes - 1)) + index] as number);
  const ballot = (thread: number, first: number): number =>
    group(thread, 64).reduce(
      (mask, value, lane) =>
        value % 3 === 0 && lane >= first && lane < first + 32 ? (mask | (1 << (lane - first))) >>> 0 : mask,
      0,
    );
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return [
    from('first', () => 0),
    from('37', () => 37),
    from('permuted', (lane) => (lane * 5 + 3) & 63),
    each('ballot low', (thread) => ballot(thread, 0)),
    each('ballot high', (thread) => ballot(thread, 32)),
    from('pairs', (lane) => lane ^ 1),
    from('halves of 4', (lane) => lane ^ 2),
    from('mirror 8', (lane) => lane ^ 7),
    from('mirror 16', (lane) => lane ^ 15),
    from('shift right', (lane) => (lane % 16 === 0 ? -1 : lane - 1)),
    from('rotate right by 3', (lane) => (lane & ~15) | ((lane - 3) & 15)),
    // Odd groups of the first value change places with the even groups of the second, which is 1000 more.
    each('swap 16, first', (thread, lane) => (lane & 16 ? at(thread, lane - 16) + 1000 : at(thread, lane))),
    each('swap 16, second', (thread, lane) => (lane & 16 ? at(thread, lane) + 1000 : at(thread, lane + 16))),
    each('swap 32, first', (thread, lane) => (lane & 32 ? at(thread, lane - 32) + 1000 : at(thread, lane))),
    each('swap 32, second', (thread, lane) => (lane & 32 ? at(thread, lane) + 1000 : at(thread, lane + 32))),
    each('sum of 64', (thread) => sum(group(thread, 64))),
    each('sum of 16', (thread) => sum(group(thread, 16))),
    each('greatest of 64', (thread) => Math.max(...group(thread, 64))),
    each('greatest of 4', (thread) => Math.max(...group(thread, 4))),
    each('wave', (thread) => thread >> 6),
  ];
}
