/**
 * Counts in a row, packed so that JSON stays short: a negative number -r repeats the count before it r more times.
 * `[4, 4, 4, 0, 1]` becomes `[4, -2, 0, 1]`.
 */
export function packCounts(counts: Iterable<number>): number[] {
  const packed: number[] = [];
  let last: number | undefined;
  let repeats = 0;
  const flush = (): void => {
    // One repetition is as short written out.
    if (repeats === 1) packed.push(last as number);
    else if (repeats > 1) packed.push(-repeats);
    repeats = 0;
  };
  for (const count of counts) {
    if (count === last) {
      repeats += 1;
      continue;
    }
    flush();
    packed.push(count);
    last = count;
  }
  flush();
  return packed;
}

/** The counts that `packCounts` was given. */
export function unpackCounts(packed: readonly number[]): number[] {
  const counts: number[] = [];
  let last = 0;
  for (const entry of packed) {
    if (entry >= 0) {
      counts.push(entry);
      last = entry;
    } else for (let repeat = 0; repeat > entry; repeat -= 1) counts.push(last);
  }
  return counts;
}

/** How many counts `unpackCounts` would return. */
export function packedLength(packed: readonly number[]): number {
  return packed.reduce((length, entry) => length + (entry < 0 ? -entry : 1), 0);
}
