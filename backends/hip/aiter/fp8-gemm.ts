import type { ArgumentStruct, FieldValues } from '../args.ts';
import { type HipKernel, tensorOf } from '../kernels/kernel.ts';
import type { Grid } from '../launch.ts';
import { type KnownKernel, spacedStruct } from './arguments.ts';
import { type AiterInstall, WITHOUT } from './install.ts';
import { chooseTile, mangled, type Tile } from './tiles.ts';

/** Rows and columns of w that share a scale, and what N and K are multiples of. */
const BLOCK = 128;

const FIELDS = [
  { name: 'C', type: 'ptr' },
  { name: 'A', type: 'ptr' },
  { name: 'B', type: 'ptr' },
  { name: 'SA', type: 'ptr' },
  { name: 'SB', type: 'ptr' },
  { name: 'BIAS', type: 'ptr' },
  { name: 'M', type: 'u32' },
  { name: 'Ndim', type: 'u32' },
  { name: 'K', type: 'u32' },
  { name: 'PA', type: 'u32' },
  { name: 'PB', type: 'u32' },
  { name: 'PC', type: 'u32' },
  { name: 'KS', type: 'u32' },
  { name: 'scale_m', type: 'u32' },
  { name: 'scale_n', type: 'u32' },
  { name: 'scale_k', type: 'u32' },
] as const;

/** 256 bytes. Source: AITER csrc/py_itfs_cu/asm_a8w8_blockscale_bpreshuffle.cu KernelArgs, names from the code objects. */
export const fp8GemmArgs: ArgumentStruct<typeof FIELDS> = spacedStruct('AITER fp8gemm_blockscale', FIELDS);

export interface Fp8GemmTile extends Tile {
  /** Below the folder of the architecture. */
  readonly object: string;
  readonly kernel: string;
}

/** The kernels that AITER has for gfx950, hsa/gfx950/fp8gemm_blockscale/fp8gemm_bf16_blockscale.csv. */
export const FP8_GEMM_TILES: readonly Fp8GemmTile[] = [128, 32, 48, 64, 80, 96].map((m) => {
  const name = `fp8gemm_bf16_blockscale_BpreShuffle_${m}x${BLOCK}`;
  return { m, n: BLOCK, object: `fp8gemm_blockscale/${name}.co`, kernel: mangled(name) };
});

/** What their notes say. */
export function knownFp8Gemm({ kernel }: Fp8GemmTile): KnownKernel {
  return { kernel, struct: fp8GemmArgs as unknown as ArgumentStruct, threads: 256, ldsBytes: 65536 };
}

/** `y[M, N] = x[M, K] w[N, K]`. */
export interface Fp8GemmSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Addresses of the operands. */
export interface Fp8GemmAddresses {
  /** bf16 [M, N]; zeroed before when `splits` is above 1. */
  readonly y: bigint;
  /** e4m3fn [M, K], row-major. */
  readonly x: bigint;
  /** e4m3fn [N, K], stored by `shuffle_weight(w, (16, 16))`. */
  readonly w: bigint;
  /** f32 [K / 128][M]: column by column. */
  readonly xScale: bigint;
  /** f32 [N / 128][K / 128]. */
  readonly wScale: bigint;
  /** f32 [N]; zeros when there is none. */
  readonly bias: bigint;
}

/** How many parts K really falls into, each of whole blocks of 128. */
export function fp8Splits(K: number, wanted: number): number {
  const part = Math.ceil(Math.ceil(K / wanted) / BLOCK) * BLOCK;
  return Math.ceil(K / part);
}

export function fp8GemmGrid({ m, n }: Tile, { M, N }: Fp8GemmSizes, splits: number): Grid {
  return [(N / n) * splits, Math.ceil(M / m), 1];
}

export function fp8GemmValues(
  { M, N, K }: Fp8GemmSizes,
  addresses: Fp8GemmAddresses,
  splits: number,
): FieldValues<typeof FIELDS> {
  const { y, x, w, xScale, wScale, bias } = addresses;
  return {
    C: y,
    A: x,
    B: w,
    SA: xScale,
    SB: wScale,
    BIAS: bias,
    M,
    Ndim: N,
    K,
    // Bytes of a row: elements of one byte, but bf16 results.
    PA: K,
    PB: K,
    PC: N * 2,
    KS: splits,
    scale_m: M,
    scale_n: Math.ceil(N / BLOCK),
    scale_k: Math.ceil(K / BLOCK),
  };
}

/**
 * gemm_a8w8_blockscale_bpreshuffle on AITER's own kernels. K is not split: the parts would be added in bf16 in an order that
 * changes from run to run.
 */
export function aiterFp8Gemm(install: AiterInstall): HipKernel<'gemm_a8w8_blockscale_bpreshuffle'> {
  const tiles = FP8_GEMM_TILES.filter(({ object }) => install.has(object));
  return {
    op: 'gemm_a8w8_blockscale_bpreshuffle',
    // None of this package.
    objects: [],
    supports({ block = [BLOCK, BLOCK], out = 'bf16', rounding = 'nearest-even' }, { x, w }) {
      const [, K = 0] = x?.layout.shape ?? [];
      const [N = 0] = w?.layout.shape ?? [];
      const problems: readonly (readonly [boolean, string])[] = [
        [tiles.length === 0, `${install.folder} has no fp8gemm_blockscale`],
        [x?.type !== 'e4m3fn', `it multiplies e4m3fn, x is ${x?.type}`],
        [block.some((size) => size !== BLOCK), `it has blocks of 128 x 128, asked for is [${block.join(', ')}]`],
        [out !== 'bf16', `it writes bf16, asked for is ${out}`],
        [rounding !== 'truncate', `it cuts sums off to bf16: ask for rounding "truncate", not "${rounding}"`],
        [N % BLOCK !== 0 || K % BLOCK !== 0, `N = ${N} and K = ${K} must be multiples of 128`],
      ];
      const problem = problems.find(([isProblem]) => isProblem)?.[1];
      if (problem === undefined) return { supported: true };
      return { supported: false, reason: `AITER's fp8gemm_blockscale does not do this: ${problem}. ${WITHOUT}` };
    },
    async run(run, _params, operands, outputs) {
      const [x, w] = [tensorOf(operands, 'x'), tensorOf(operands, 'w')];
      const [M = 0, K = 0] = x.layout.shape;
      const [N = 0] = w.layout.shape;
      const sizes = { M, N, K };
      const choice = chooseTile(tiles, M, N, run.device.computeUnits);
      if (choice === undefined) throw new TypeError('supports() let a shape pass that no tile divides');
      const address = (buffer: { readonly buffer: Parameters<typeof run.address>[0] }): bigint =>
        run.address(buffer.buffer);
      await run.launch({
        object: choice.tile.object,
        kernel: choice.tile.kernel,
        struct: fp8GemmArgs,
        values: fp8GemmValues(
          sizes,
          {
            y: address(tensorOf(outputs, 'y')),
            x: address(x),
            w: address(w),
            xScale: address(tensorOf(operands, 'x_scale')),
            wScale: address(tensorOf(operands, 'w_scale')),
            bias: run.address(run.scratch(N * 4, 'bias')),
          },
          choice.splits,
        ),
        grid: fp8GemmGrid(choice.tile, sizes, choice.splits),
      });
    },
  };
}
