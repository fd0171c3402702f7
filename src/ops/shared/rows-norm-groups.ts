import { ParameterError } from '../../errors.ts';

/** Lanes of a wavefront: the most threads that can share a scale. */
const WAVE = 64;

/**
 * How many elements of a row AITER's `add_rmsnorm_quant` gives to a thread, by the length of the row. Rows above 6144 with a
 * residual are cut finer: into 8 on devices with at least 160 compute units, into 16 on others. (After August 2026 AITER does the
 * same for rows of 4097 to 6144 whose group is no multiple of 24, where it failed before.)
 */
function elementsPerThread(columns: number, residual: boolean): readonly number[] {
  if (columns <= 2048) return [8];
  if (columns <= 4096) return [16];
  if (columns <= 6144) return [24];
  return residual ? [8, 16] : [32];
}

/**
 * Checks a group of AITER's `add_rmsnorm_quant`, whose threads find the largest magnitude together: its elements belong to
 * 1, 2, 4, ... or 64 threads. It must also divide the row, since scales of a cut-off group would overlap the next row's.
 */
export function requireNormGroup(op: string, group: number, columns: number, residual: boolean): void {
  const sizes = elementsPerThread(columns, residual);
  const works = new Set<number>();
  for (const size of sizes) {
    for (let threads = 1; threads <= WAVE; threads *= 2)
      if (columns % (size * threads) === 0) works.add(size * threads);
  }
  if (works.has(group)) return;
  const list = [...works].sort((a, b) => a - b).join(', ');
  throw new ParameterError(
    op,
    'group',
    `is ${group}, but threads take ${sizes.join(' or ')} elements each from a row of ${columns}, a group belongs to 1, 2, 4, ... ` +
      `or ${WAVE} threads, and groups divide the row: ${list === '' ? 'no group does. Use' : `use one of ${list}, or`} 0 for one ` +
      'scale a token.',
  );
}
