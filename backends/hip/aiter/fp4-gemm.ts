import { rowMajor } from '../../../src/layout/plain.ts';
import type { ArgumentStruct, FieldValues } from '../args.ts';
import { type HipKernel, tensorOf } from '../kernels/kernel.ts';
import type { Grid } from '../launch.ts';
import { type KnownKernel, spacedStruct } from './arguments.ts';
import { type AiterInstall, WITHOUT } from './install.ts';
import { chooseTile, mangled, type Tile } from './tiles.ts';

/** Columns that a workgroup takes at a time; parts of K are whole multiples. */
const K_STEP = 256;
/** Elements that share a scale. */
const GROUP = 32;
/** The kernels write whole blocks of so many rows: AITER allocates its result that way. */
const ROW_STEP = 32;

const FIELDS = [
  { name: 'D', type: 'ptr' },
  { name: 'C', type: 'ptr' },
  { name: 'A', type: 'ptr' },
  { name: 'B', type: 'ptr' },
  { name: 'alpha', type: 'f32' },
  { name: 'beta', type: 'f32' },
  { name: 'strideD0', type: 'u32' },
  { name: 'strideD1', type: 'u32' },
  { name: 'strideC0', type: 'u32' },
  { name: 'strideC1', type: 'u32' },
  { name: 'strideA0', type: 'u32' },
  { name: 'strideA1', type: 'u32' },
  { name: 'strideB0', type: 'u32' },
  { name: 'strideB1', type: 'u32' },
  { name: 'Mdim', type: 'u32' },
  { name: 'Ndim', type: 'u32' },
  { name: 'Kdim', type: 'u32' },
  { name: 'ScaleA', type: 'ptr' },
  { name: 'ScaleB', type: 'ptr' },
  { name: 'strideScaleA0', type: 'u32' },
  { name: 'strideScaleA1', type: 'u32' },
  { name: 'strideScaleB0', type: 'u32' },
  { name: 'strideScaleB1', type: 'u32' },
  { name: 'log2_k_split', type: 'u32' },
] as const;

/** 384 bytes. Source: AITER csrc/py_itfs_cu/asm_gemm_a4w4.cu KernelArgs, names from the code objects. */
export const fp4GemmArgs: ArgumentStruct<typeof FIELDS> = spacedStruct('AITER f4gemm', FIELDS);

export interface Fp4GemmTile extends Tile {
  /** Below the folder of the architecture. */
  readonly object: string;
  readonly kernel: string;
}

/** Sizes of the kernels on shuffled weights, hsa/gfx950/f4gemm/f4gemm_bf16_per1x32Fp4.csv. An install may have fewer. */
const TILES: readonly (readonly [number, readonly number[]])[] = [
  [256, [256, 128]],
  [224, [256, 128]],
  [192, [256, 128]],
  [160, [384, 256, 128]],
  [128, [512, 384, 256, 128]],
  [96, [640, 512, 384, 256, 128]],
  [64, [1024, 896, 768, 640, 512, 384, 256, 128]],
  [32, [1024, 896, 768, 640, 512, 384, 256, 128]],
];

export const FP4_GEMM_TILES: readonly Fp4GemmTile[] = TILES.flatMap(([m, widths]) =>
  widths.map((n) => {
    const name = `f4gemm_bf16_per1x32Fp4_BpreShuffle_${m}x${n}`;
    return { m, n, object: `f4gemm/${name}.co`, kernel: mangled(name) };
  }),
);

/** What their notes say. */
export function knownFp4Gemm({ kernel }: Fp4GemmTile): KnownKernel {
  return { kernel, struct: fp4GemmArgs as unknown as ArgumentStruct, threads: 256, ldsBytes: 163840 };
}

/** `y[M, N] = x[M, K] w[N, K]`. */
export interface Fp4GemmSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Addresses of the operands. */
export interface Fp4GemmAddresses {
  /** bf16, M rounded up to 32 rows of N; zeroed before when K is split. */
  readonly y: bigint;
  /** e2m1 [M, K], row-major. */
  readonly x: bigint;
  /** e2m1 [N, K], stored by `shuffle_weight(w, (16, 16))`. */
  readonly w: bigint;
  /** e8m0 [M, K / 32], stored by `shuffle_scale`. */
  readonly xScale: bigint;
  /** e8m0 [N, K / 32], stored by `shuffle_scale`. */
  readonly wScale: bigint;
}

/** @param log2Splits K in 2^n parts, each rounded up to whole steps */
export function fp4GemmGrid({ m, n }: Tile, { M, N, K }: Fp4GemmSizes, log2Splits: number): Grid {
  const part = Math.ceil(Math.floor(K / 2 ** log2Splits) / K_STEP) * K_STEP;
  return [Math.ceil(N / n), Math.ceil(M / m), Math.ceil(K / part)];
}

export function fp4GemmValues(
  { M, N, K }: Fp4GemmSizes,
  { y, x, w, xScale, wScale }: Fp4GemmAddresses,
  log2Splits: number,
): FieldValues<typeof FIELDS> {
  return {
    D: y,
    // y = alpha x w + beta C.
    C: 0n,
    A: x,
    B: w,
    alpha: 1,
    beta: 0,
    // AITER leaves these two, and every second stride, as they come: nothing reads them.
    strideD0: 0,
    strideD1: 0,
    // All in elements.
    strideC0: N,
    strideC1: 0,
    strideA0: K,
    strideA1: 0,
    strideB0: K,
    strideB1: 0,
    Mdim: M,
    Ndim: N,
    Kdim: K,
    ScaleA: xScale,
    ScaleB: wScale,
    strideScaleA0: K / GROUP,
    strideScaleA1: 0,
    strideScaleB0: K / GROUP,
    strideScaleB1: 0,
    log2_k_split: log2Splits,
  };
}

/** gemm_a4w4_bpreshuffle on AITER's own kernels. K is not split: the parts would be added in bf16 in any order. */
export function aiterFp4Gemm(install: AiterInstall): HipKernel<'gemm_a4w4_bpreshuffle'> {
  const tiles = FP4_GEMM_TILES.filter(({ object }) => install.has(object));
  return {
    op: 'gemm_a4w4_bpreshuffle',
    // None of this package.
    objects: [],
    supports({ out = 'bf16', rounding = 'nearest-even' }, { x, w }) {
      const [, K = 0] = x?.layout.shape ?? [];
      const [N = 0] = w?.layout.shape ?? [];
      const problems: readonly (readonly [boolean, string])[] = [
        [tiles.length === 0, `${install.folder} has no f4gemm`],
        [out !== 'bf16', `it writes bf16, asked for is ${out}`],
        [rounding !== 'nearest-even', `it rounds to the nearest, asked for is "${rounding}"`],
        // Older kernels need whole tiles; and the columns of the scales are padded otherwise.
        [!tiles.some(({ n }) => N % n === 0), `N = ${N} is no multiple of a tile (${widths(tiles)})`],
        [K === 0 || K % K_STEP !== 0, `K = ${K} must be a multiple of ${K_STEP}`],
      ];
      const problem = problems.find(([isProblem]) => isProblem)?.[1];
      if (problem === undefined) return { supported: true };
      return { supported: false, reason: `AITER's f4gemm does not do this: ${problem}. ${WITHOUT}` };
    },
    async run(run, _params, operands, outputs) {
      const [x, w, y] = [tensorOf(operands, 'x'), tensorOf(operands, 'w'), tensorOf(outputs, 'y')];
      const [M = 0, K = 0] = x.layout.shape;
      const [N = 0] = w.layout.shape;
      const sizes = { M, N, K };
      const choice = chooseTile(tiles, M, N, run.device.computeUnits);
      if (choice === undefined) throw new TypeError('supports() let a shape pass that no tile divides');
      const isWhole = M % ROW_STEP === 0;
      const padded = Math.ceil(M / ROW_STEP) * ROW_STEP;
      const target = isWhole ? y.buffer : run.scratch(padded * N * 2, 'padded result', { zeroed: false });
      await run.launch({
        object: choice.tile.object,
        kernel: choice.tile.kernel,
        struct: fp4GemmArgs,
        values: fp4GemmValues(
          sizes,
          {
            y: run.address(target),
            x: run.address(x.buffer),
            w: run.address(w.buffer),
            xScale: run.address(tensorOf(operands, 'x_scale').buffer),
            wScale: run.address(tensorOf(operands, 'w_scale').buffer),
          },
          0,
        ),
        grid: fp4GemmGrid(choice.tile, sizes, 0),
      });
      if (!isWhole) await run.permute(target, rowMajor([M, N]), y.buffer, rowMajor([M, N]), 16);
    },
  };
}

function widths(tiles: readonly Tile[]): string {
  return [...new Set(tiles.map(({ n }) => n))].sort((a, b) => a - b).join(', ');
}
