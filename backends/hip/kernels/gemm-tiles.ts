/** How a dot product over 128 columns is scaled; see lib/gemm-fp8.h. */
export type GemmScaling = 'blocks' | 'columns' | 'rows';

/** A product of x [M, K] and w [N, K]. */
export interface GemmSize {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Rows by columns of y. */
export type GemmTileName = '16x32' | '16x32_deep' | '16x64' | '64x128' | '128x128' | '128x256' | '256x256';

/** A compiled tile: which part of y a workgroup computes, and how. */
export interface GemmTile {
  readonly object: string;
  /** The kernel is called `gemm_fp8_<name>_<scaling>`. */
  readonly name: GemmTileName;
  readonly rows: number;
  readonly columns: number;
  readonly scalings: readonly GemmScaling[];
  /** Blocks of K that are on their way to a wave while it works on one. */
  readonly ahead: number;
}

function tile(
  object: string,
  name: GemmTileName,
  [rows, columns]: readonly [number, number],
  scalings: readonly GemmScaling[],
  ahead: number,
): GemmTile {
  return { object, name, rows, columns, scalings, ahead };
}

/**
 * Clocks below are those of one compute unit for one tile and 128 columns of K: of the matrix instructions (32 for a 16x16x128,
 * on 4 SIMDs), of the path through the first-level cache (64 bytes a clock) and of LDS reads (256 bytes a clock). What is not
 * the longest can hide behind it. Arithmetic, not measurements: none of this has run on a GPU.
 */
export const GEMM_TILES: Readonly<Record<GemmTileName, GemmTile>> = {
  // For few tokens the way of the weights from memory is all that counts: 8 TB/s for about 1 us are 32 KiB on their way to
  // every compute unit. The 4 waves of a workgroup divide K, so each has blocks of 6 KiB of its own on the way: 24 to 48 KiB
  // for one workgroup, and registers allow several.
  '16x32': tile('gemm-fp8-decode', '16x32', [16, 32], ['blocks', 'columns', 'rows'], 1),
  // 72 to 96 KiB for one workgroup, where there are not enough for two on each compute unit.
  '16x32_deep': tile('gemm-fp8-decode', '16x32_deep', [16, 32], ['blocks', 'rows'], 3),
  // 40 to 80 KiB, and half as many reads of x, where there are columns for all compute units.
  '16x64': tile('gemm-fp8-decode', '16x64', [16, 64], ['blocks', 'rows'], 1),
  // 256 matrix clocks, 384 for the cache.
  '64x128': tile('gemm-fp8-four-waves', '64x128', [64, 128], ['blocks', 'columns', 'rows'], 1),
  // 512 matrix clocks, 512 for the cache: 60 % or so at best, where there are too few columns for the next one.
  '128x128': tile('gemm-fp8-four-waves', '128x128', [128, 128], ['blocks', 'columns', 'rows'], 1),
  // 1024 matrix clocks, 768 for the cache, 256 for LDS; two workgroups fit a compute unit.
  '128x256': tile('gemm-fp8-four-waves', '128x256', [128, 256], ['blocks', 'rows'], 1),
  // 2048 matrix clocks, 1024 for the cache, 768 for LDS. Two waves on each SIMD take turns: one multiplies while the other
  // fetches. Of the 10 copies of a wave for each block, 4 are one block ahead and 6 two: these may be under way at its end.
  '256x256': tile('gemm-fp8-eight-waves', '256x256', [256, 256], ['blocks', 'rows'], 2),
};

/** What runs for a product. */
export interface GemmChoice {
  readonly tile: GemmTileName;
  /** Parts of K that are summed by different workgroups and added up by a second kernel. */
  readonly parts: number;
  /** Rows of tiles that run side by side, for the sake of the second-level caches. */
  readonly together: number;
}

/** A measured choice: for products with this N and K and from `from` to `to` rows. */
export interface GemmOverride extends Partial<GemmChoice> {
  readonly N: number;
  readonly K: number;
  readonly from: number;
  readonly to: number;
}

let overrides: readonly GemmOverride[] = [];

/** Puts measured choices before the table; the first that fits counts. Returns those that were there before. */
export function overrideGemmTiles(entries: readonly GemmOverride[]): readonly GemmOverride[] {
  const before = overrides;
  overrides = entries;
  return before;
}

const BLOCK_K = 128;

/** Rows for which reading the weights once per 16 of them, from the cache, costs less than matrix instructions for 64. */
const MOST_DECODE_ROWS = 32;

/** Blocks of K below which a part costs more to add up than it saves: each writes and reads float32 results again. */
const FEWEST_BLOCKS = 4;

/** Rows of tiles side by side: 4 x 256 rows of x with K = 7168 are 7 MiB, little of which fits the 4 MiB of a die. */
const TOGETHER = 4;

/** Choices for a product on a GPU with so many compute units. */
export function chooseGemm(size: GemmSize, scaling: GemmScaling, computeUnits: number): GemmChoice {
  const { M, N, K } = size;
  const found = overrides.find((entry) => entry.N === N && entry.K === K && entry.from <= M && M <= entry.to);
  const given = found?.tile;
  const name = given !== undefined && serves(given, scaling) ? given : tileFor(size, scaling, computeUnits);
  return {
    tile: name,
    parts: wholeParts(K, found?.parts ?? partsFor(size, name, computeUnits)),
    together: found?.together ?? TOGETHER,
  };
}

function serves(name: GemmTileName, scaling: GemmScaling): boolean {
  return GEMM_TILES[name].scalings.includes(scaling);
}

/** The largest tile of which there are enough for all compute units: a larger one reads less for each result. */
function tileFor(size: GemmSize, scaling: GemmScaling, computeUnits: number): GemmTileName {
  const { M, N } = size;
  if (M <= MOST_DECODE_ROWS) return serves('16x64', scaling) && N >= 64 * computeUnits ? '16x64' : '16x32';
  const wanted: readonly GemmTileName[] =
    M > 128 ? ['256x256', '128x256', '128x128'] : M > 64 ? ['128x256', '128x128'] : [];
  return wanted.find((name) => serves(name, scaling) && tilesOf(size, name) >= computeUnits / 2) ?? '64x128';
}

function tilesOf({ M, N }: GemmSize, name: GemmTileName): number {
  const { rows, columns } = GEMM_TILES[name];
  return Math.ceil(M / rows) * Math.ceil(N / columns);
}

/** As many parts as it takes for every compute unit to have a workgroup, or two small ones. */
function partsFor(size: GemmSize, name: GemmTileName, computeUnits: number): number {
  const wanted = GEMM_TILES[name].rows === 16 ? 2 * computeUnits : computeUnits;
  const most = Math.floor(Math.ceil(size.K / BLOCK_K) / FEWEST_BLOCKS);
  return Math.max(1, Math.min(most, Math.floor(wanted / tilesOf(size, name))));
}

/** As many parts or fewer, so that none is empty. */
function wholeParts(K: number, parts: number): number {
  const blocks = Math.max(1, Math.ceil(K / BLOCK_K));
  return Math.ceil(blocks / Math.ceil(blocks / Math.min(parts, blocks)));
}
