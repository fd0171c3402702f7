import { COLUMN_BLOCK } from './crop.ts';
import type { Observed } from './evidence.ts';
import type { OutputWindow } from './hypothesis.ts';
import { range } from './take.ts';

/** Which share of an output is looked at. */
export interface WindowLimits {
  readonly rows: number;
  readonly columns: number;
  /** Instead of `rows` where rows are tokens that are routed to experts. */
  readonly tokens?: number;
}

/**
 * Chooses rows and columns: the first and the last (where padding and tails show), rows that are wrong, and rows that are right, spread
 * over the output.
 *
 * @param wrongRows, wrongBlocks wrong elements of each row and of each block of 128 columns, where they are known
 */
export function chooseWindow(
  size: { readonly rowCount: number; readonly columnCount: number },
  limits: WindowLimits,
  wrongRows: readonly number[] = [],
  wrongBlocks: readonly number[] = [],
): OutputWindow {
  const { rowCount, columnCount } = size;
  const rows = pick(rowCount, limits.rows, wrongRows);
  const blocks = pick(Math.ceil(columnCount / COLUMN_BLOCK), Math.ceil(limits.columns / COLUMN_BLOCK), wrongBlocks);
  const columns = blocks.flatMap((block) =>
    range(Math.min(COLUMN_BLOCK, columnCount - block * COLUMN_BLOCK)).map((column) => block * COLUMN_BLOCK + column),
  );
  return { rowCount, rows, columnCount, columns };
}

/** At most `limit` of `count` indices, ascending. */
function pick(count: number, limit: number, wrong: readonly number[]): readonly number[] {
  if (count <= limit) return range(count);
  // Of very few, a wrong one is worth more than the ends.
  const chosen = new Set(limit > 3 ? [0, count - 1] : []);
  const isWrong = (index: number): boolean => (wrong[index] ?? 0) > 0;
  const bad = range(count).filter(isWrong);
  const good = range(count).filter((index) => !isWrong(index));
  // Half of what is left to rows that are wrong, so that a mistake in few rows is seen; they tell more when they lie apart.
  const free = limit - chosen.size;
  for (const index of spread(bad, Math.ceil(free / 2))) chosen.add(index);
  for (const index of spread(good, limit - chosen.size)) chosen.add(index);
  for (const index of spread(range(count), count)) {
    if (chosen.size >= limit) break;
    chosen.add(index);
  }
  return [...chosen].sort((a, b) => a - b);
}

function spread(indices: readonly number[], count: number): readonly number[] {
  if (indices.length <= count) return indices;
  // The middles of equal shares: the ends are chosen anyhow.
  return range(count).map((at) => indices[Math.floor(((at + 0.5) * indices.length) / count)] as number);
}

/** Wrong elements of each row and of each block of columns of an output, from marks of `agreement`. */
export function wrongPlaces(
  marks: Uint8Array,
  { parts }: Observed,
): { readonly rows: readonly number[]; readonly blocks: readonly number[] } {
  const rows: number[] = [];
  const blocks: number[] = [];
  for (const { start, end, tensor } of parts) {
    const { shape } = tensor.layout;
    const width = Math.max(1, shape.at(-1) ?? 1);
    const perRow = Math.max(1, tensor.layout.size / Math.max(1, shape[0] ?? 1));
    for (let index = start; index < end; index += 1) {
      if (marks[index] !== 0) continue;
      const row = Math.floor((index - start) / perRow);
      const block = Math.floor(((index - start) % width) / COLUMN_BLOCK);
      rows[row] = (rows[row] ?? 0) + 1;
      blocks[block] = (blocks[block] ?? 0) + 1;
    }
  }
  return { rows, blocks };
}
