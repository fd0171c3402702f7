import type { MoeScheme } from '../../../src/ops/shared/moe-params.ts';

/** How a workgroup multiplies: see mx-gemm.h. */
export interface MoeTile {
  /** Part of the kernels' names. */
  readonly name: 'few16' | 'many32' | 'many64' | 'many128';
  /** Rows of a block: sorted routes, or rows of x. */
  readonly rows: 16 | 32 | 64 | 128;
  /** Units of 64 weight rows that a workgroup takes: `few` has one, whose columns its four waves share. */
  readonly units: 1 | 4;
}

const FEW_16: MoeTile = { name: 'few16', rows: 16, units: 1 };
const MANY_32: MoeTile = { name: 'many32', rows: 32, units: 4 };
const MANY_64: MoeTile = { name: 'many64', rows: 64, units: 4 };
const MANY_128: MoeTile = { name: 'many128', rows: 128, units: 4 };

/**
 * Tiles by the mean number of rows that an expert in use gets. None of this was timed on a device; it is what loads, registers and
 * matrix instructions add up to.
 *
 * - Up to 16 rows the weights' bytes decide (a matrix instruction has 16 columns anyway): no LDS in the loop, waves that share a
 *   unit's columns, so that there are four times as many workgroups to keep memory busy.
 * - Up to 32 rows a block of 32 reads an expert's weights once; of a block of 64 half would be padding.
 * - Beyond, 64 rows a block: 64 matrix instructions for each 16 loads of weights, and with MXFP4 two workgroups a SIMD.
 */
const TILES: readonly { readonly upTo: number; readonly tile: MoeTile }[] = [
  { upTo: 16, tile: FEW_16 },
  { upTo: 32, tile: MANY_32 },
];

/**
 * bf16 tokens: the weights become bf16 in registers, 16 instructions for 4 matrix instructions a block of tokens, so a second
 * block pays as soon as there are rows for it.
 */
const BF16_TILES: typeof TILES = [
  { upTo: 12, tile: FEW_16 },
  { upTo: 32, tile: MANY_32 },
];

/** @param routes tokens * topk, routes to no expert included */
export function moeTile(scheme: MoeScheme, routes: number, experts: number): MoeTile {
  const mean = routes / Math.max(1, Math.min(experts, routes));
  const tiles = scheme === 'a16w4' ? BF16_TILES : TILES;
  return tiles.find(({ upTo }) => mean <= upTo)?.tile ?? MANY_64;
}

/** Workgroups that keep every compute unit of an MI355X busy. */
const ENOUGH_WORKGROUPS = 256;

/**
 * Tiles of gemm_a4w4_bpreshuffle, for x of M rows and w of N. As above; and from 128 rows on larger blocks, which read w half as
 * often, as long as there is a workgroup for every compute unit.
 */
export function gemmA4w4Tile(M: number, N: number): MoeTile {
  if (M <= 16) return FEW_16;
  if (M <= 32) return MANY_32;
  const workgroups = Math.ceil(M / MANY_128.rows) * Math.ceil(N / 256);
  return M > 64 && workgroups >= ENOUGH_WORKGROUPS ? MANY_128 : MANY_64;
}
