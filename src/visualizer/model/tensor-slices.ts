/** Longest piece of work between two frames, in milliseconds. */
const SLICE = 12;

/** A piece of work under way. */
export interface Sliced<T> {
  /** The result; undefined when it was cancelled. */
  readonly done: Promise<T | undefined>;
  cancel(): void;
}

/**
 * Runs a generator in slices, so that a page stays responsive. Errors reject `done`.
 * @param onProgress called between slices with what the generator yielded last
 */
export function inSlices<T>(steps: Generator<number, T, void>, onProgress?: (share: number) => void): Sliced<T> {
  let cancelled = false;
  const done = (async () => {
    // The caller has what this returns before it hears of progress.
    await Promise.resolve();
    for (;;) {
      if (cancelled) return undefined;
      const end = performance.now() + SLICE;
      let share = 0;
      do {
        const step = steps.next();
        if (step.done === true) return step.value;
        share = step.value;
      } while (performance.now() < end);
      onProgress?.(share);
      await new Promise<void>((resolve) => {
        setTimeout(resolve);
      });
      if (cancelled) return undefined;
    }
  })();
  return {
    done,
    cancel() {
      cancelled = true;
    },
  };
}
