/** A kernel of one family: the part of the result that a workgroup computes. */
export interface Tile {
  /** Rows of x. */
  readonly m: number;
  /** Rows of w. */
  readonly n: number;
}

export interface TileChoice<T extends Tile> {
  readonly tile: T;
  /** Parts of K that are computed by workgroups of their own and added in bf16 by atomics. */
  readonly splits: number;
}

/**
 * AITER's choice of a kernel: the fewest rounds of workgroups over the compute units; among those the fewest idle units in the
 * last round; among those the most arithmetic a byte, m n / (m + n). AITER walks a hash table and so leaves ties to chance;
 * here the first of the list wins.
 *
 * Source: AITER csrc/py_itfs_cu/asm_a8w8_blockscale_bpreshuffle.cu get_heuristic_fp8_kernel, asm_gemm_a4w4.cu.
 *
 * @param splits to try. More than one part of K makes results depend on the order of additions: AITER's own default is 1
 * @returns undefined when N is no multiple of any tile
 */
export function chooseTile<T extends Tile>(
  tiles: readonly T[],
  M: number,
  N: number,
  computeUnits: number,
  splits: readonly number[] = [1],
): TileChoice<T> | undefined {
  let best: (TileChoice<T> & { readonly rank: readonly number[] }) | undefined;
  for (const tile of tiles) {
    if (N % tile.n !== 0) continue;
    for (const parts of splits) {
      const groups = Math.ceil(M / tile.m) * (N / tile.n) * parts;
      const rounds = Math.ceil(groups / computeUnits);
      // The quotient is an integer there too.
      const intensity = Math.floor((tile.m * tile.n) / (tile.m + tile.n));
      const rank = [rounds, rounds * computeUnits - groups, -intensity];
      if (best === undefined || isLess(rank, best.rank)) best = { tile, splits: parts, rank };
    }
  }
  return best === undefined ? undefined : { tile: best.tile, splits: best.splits };
}

/** `_ZN5aiter42fp8gemm...E`: a function of the namespace aiter, as C++ mangles it. */
export function mangled(name: string): string {
  return `_ZN5aiter${name.length}${name}E`;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}
