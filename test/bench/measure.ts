export interface BenchTask {
  readonly name: string;
  /** Bytes or elements that one run handles. */
  readonly work: number;
  run(): void;
}

export interface Measured {
  readonly name: string;
  readonly work: number;
  /** Median time of one run. */
  readonly seconds: number;
  readonly fastest: number;
}

/** Runs every task once to warm up and then `rounds` times in turn. */
export function measure(tasks: readonly BenchTask[], rounds: number): Measured[] {
  for (let warmup = 0; warmup < 3; warmup += 1) for (const task of tasks) task.run();
  const times = tasks.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, task] of tasks.entries()) {
      const start = performance.now();
      task.run();
      times[index]?.push((performance.now() - start) / 1000);
    }
  }
  return tasks.map(({ name, work }, index) => {
    const sorted = (times[index] ?? []).toSorted((a, b) => a - b);
    return { name, work, seconds: sorted[sorted.length >> 1] ?? Number.NaN, fastest: sorted[0] ?? Number.NaN };
  });
}
