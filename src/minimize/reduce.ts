/** How a list is reduced. */
export interface ReduceOptions {
  /** Items that must stay. Default 1. */
  readonly least?: 0 | 1;
  /** Lists that are worth trying first, subsets of the items in their order. */
  readonly first?: readonly (readonly number[])[];
  /** Most pieces that a list is cut into: a longer one is not tried item by item. Default 32. */
  readonly pieces?: number;
}

/**
 * Delta debugging: leaves out halves, then smaller and smaller pieces, as long as what stays still fails.
 * @returns the items that stay, in their order; leaving out any further piece that was tried makes the failure go away
 */
export async function reduceList(
  items: readonly number[],
  fails: (kept: readonly number[]) => Promise<boolean>,
  { least = 1, first = [], pieces = 32 }: ReduceOptions = {},
): Promise<readonly number[]> {
  if (least === 0 && items.length > 0 && (await fails([]))) return [];
  let kept = items;
  for (const list of first) {
    if (list.length === 0 || list.length >= kept.length) continue;
    if (await fails(list)) {
      kept = list;
      break;
    }
  }
  let count = 2;
  while (kept.length > 1) {
    const parts = split(kept, count);
    const smaller = await firstFailing(candidates(kept, parts), fails);
    if (smaller !== undefined) {
      count = parts.some((part) => part.length === smaller.length) ? 2 : Math.max(2, count - 1);
      kept = smaller;
    } else {
      const most = Math.min(kept.length, pieces);
      if (count >= most) break;
      count = Math.min(2 * count, most);
    }
  }
  return kept;
}

/** Each part alone, then everything but one part. */
function* candidates(kept: readonly number[], parts: readonly (readonly number[])[]): Generator<readonly number[]> {
  yield* parts;
  if (parts.length <= 2) return;
  for (const part of parts) {
    const left = new Set(part);
    yield kept.filter((item) => !left.has(item));
  }
}

async function firstFailing(
  lists: Iterable<readonly number[]>,
  fails: (kept: readonly number[]) => Promise<boolean>,
): Promise<readonly number[] | undefined> {
  for (const list of lists) if (await fails(list)) return list;
  return undefined;
}

function split(items: readonly number[], count: number): readonly (readonly number[])[] {
  const parts = Math.min(count, items.length);
  return Array.from({ length: parts }, (_, part) =>
    items.slice(Math.floor((part * items.length) / parts), Math.floor(((part + 1) * items.length) / parts)),
  );
}
