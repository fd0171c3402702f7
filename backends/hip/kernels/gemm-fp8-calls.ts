import type { Layout } from '../../../src/layout/layout.ts';
import { argumentStruct } from '../args.ts';
import { chooseGemm, GEMM_TILES, type GemmScaling } from './gemm-tiles.ts';
import type { HipTensor, OpRun } from './kernel.ts';

const OUTPUT_FORMAT = { f32: 0, bf16: 1, f16: 2 } as const;
const BF16_TRUNCATED = 3;

const BLOCK_K = 128;
const STRIPE = 16;
const THREADS = 256;

/** As in lib/gemm-fp8.h. */
const GemmFp8Args = argumentStruct('GemmFp8Args', [
  { name: 'x', type: 'ptr' },
  { name: 'w', type: 'ptr' },
  { name: 'x_scale', type: 'ptr' },
  { name: 'w_scale', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'M', type: 'u32' },
  { name: 'N', type: 'u32' },
  { name: 'K', type: 'u32' },
  { name: 'w_stripe', type: 'u32' },
  { name: 'w_shuffled', type: 'u32' },
  { name: 'x_scale_row', type: 'u32' },
  { name: 'x_scale_block', type: 'u32' },
  { name: 'w_scale_row', type: 'u32' },
  { name: 'w_scale_block', type: 'u32' },
  { name: 'w_rows_a_scale', type: 'u32' },
  { name: 'y_row', type: 'u32' },
  { name: 'y_format', type: 'u32' },
  { name: 'tiles_m', type: 'u32' },
  { name: 'tiles_n', type: 'u32' },
  { name: 'tiles_together', type: 'u32' },
  { name: 'part_blocks', type: 'u32' },
]);

/** As in gemm-fp8-around.hip. */
const SumPartsArgs = argumentStruct('SumPartsArgs', [
  { name: 'parts_of_y', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'rows', type: 'u32' },
  { name: 'columns', type: 'u32' },
  { name: 'parts_row', type: 'u32' },
  { name: 'parts', type: 'u32' },
  { name: 'y_format', type: 'u32' },
]);

/** As in gemm-fp8-around.hip. */
const PadMatrixArgs = argumentStruct('PadMatrixArgs', [
  { name: 'from', type: 'ptr' },
  { name: 'to', type: 'ptr' },
  { name: 'rows', type: 'u32' },
  { name: 'columns', type: 'u32' },
  { name: 'pitch', type: 'u32' },
  { name: 'shuffled', type: 'u32' },
  { name: 'padded_rows', type: 'u32' },
  { name: 'padded_columns', type: 'u32' },
]);

/** The objects that every fp8 multiplication needs. */
export const GEMM_FP8_OBJECTS: readonly string[] = [
  'gemm-fp8-around',
  ...new Set(Object.values(GEMM_TILES).map(({ object }) => object)),
];

/** An fp8 matrix in device memory. */
export interface Fp8Weight {
  readonly address: bigint;
  readonly rows: number;
  /** Bytes of a row, padding included. */
  readonly pitch: number;
  /** Stored by `shuffle_weight(16, 16)`. */
  readonly shuffled: boolean;
}

/** Scales of a matrix: `address[row * rowStride + block * blockStride]`, in float32. */
export interface Fp8Scales {
  readonly address: bigint;
  readonly rowStride: number;
  readonly blockStride: number;
}

export interface Fp8Product {
  readonly x: HipTensor;
  readonly w: Fp8Weight;
  readonly xScale: Fp8Scales;
  /** A row of scales for each `rowsAScale` rows of w. */
  readonly wScale: Fp8Scales & { readonly rowsAScale: number };
  readonly scaling: GemmScaling;
  readonly rounding: 'nearest-even' | 'truncate';
  readonly y: HipTensor;
}

/** Floats between neighbours along the two dimensions of a scale. */
export function scaleStrides({ shape: [rows = 0, blocks = 0], ...layout }: Layout): [row: number, block: number] {
  const { dims } = layout;
  const stride = (axis: number): number => dims[axis]?.factors.findLast(({ size }) => size > 1)?.stride ?? 1;
  return [rows > 1 ? stride(0) : 1, blocks > 1 ? stride(1) : 1];
}

/** The launches of `y = x * transposed(w)`: pads what is ragged, multiplies, adds the parts of K up. */
export async function launchGemmFp8(run: OpRun, product: Fp8Product): Promise<void> {
  const { x, xScale, wScale, scaling, y } = product;
  const [M = 0, columns = 0] = x.layout.shape;
  const [, N = 0] = y.layout.shape;
  // y is zeroed.
  if (M === 0 || N === 0 || columns === 0) return;
  const K = roundUp(columns, STRIPE);
  const w = await wholeStripes(run, product.w, columns);
  const xAddress =
    K === columns
      ? run.address(x.buffer)
      : await padded(
          run,
          'x',
          { address: run.address(x.buffer), rows: M, pitch: columns, shuffled: false },
          columns,
          M,
        );
  const choice = chooseGemm({ M, N, K }, scaling, run.device.computeUnits);
  const tile = GEMM_TILES[choice.tile];
  const [tilesM, tilesN] = [Math.ceil(M / tile.rows), Math.ceil(N / tile.columns)];
  const format = product.rounding === 'truncate' ? BF16_TRUNCATED : OUTPUT_FORMAT[y.type as keyof typeof OUTPUT_FORMAT];
  const { parts } = choice;
  // The multiplication stores four elements at a time.
  const row = roundUp(N, 4);
  const partial =
    parts === 1 && row === N ? undefined : run.scratch(parts * M * row * 4, 'parts of y', { zeroed: false });
  const target = run.address(y.buffer);
  await run.launch({
    object: tile.object,
    kernel: `gemm_fp8_${tile.name}_${scaling}`,
    struct: GemmFp8Args,
    values: {
      x: xAddress,
      w: w.address,
      x_scale: xScale.address,
      w_scale: wScale.address,
      y: partial === undefined ? target : run.address(partial),
      M,
      N,
      K,
      w_stripe: w.pitch * STRIPE,
      w_shuffled: w.shuffled ? 1 : 0,
      x_scale_row: xScale.rowStride,
      x_scale_block: xScale.blockStride,
      w_scale_row: wScale.rowStride,
      w_scale_block: wScale.blockStride,
      w_rows_a_scale: wScale.rowsAScale,
      y_row: row,
      y_format: partial === undefined ? format : OUTPUT_FORMAT.f32,
      tiles_m: tilesM,
      tiles_n: tilesN,
      tiles_together: choice.together,
      part_blocks: Math.ceil(Math.ceil(K / BLOCK_K) / parts),
    },
    grid: [tilesM * tilesN, parts, 1],
  });
  if (partial === undefined) return;
  await run.launch({
    object: 'gemm-fp8-around',
    kernel: 'gemm_fp8_sum_parts',
    struct: SumPartsArgs,
    values: {
      parts_of_y: run.address(partial),
      y: target,
      rows: M,
      columns: N,
      parts_row: row,
      parts,
      y_format: format,
    },
    grid: [Math.ceil((M * row) / 4 / THREADS), 1, 1],
  });
}

/** w as stripes of 16 rows and 16 columns; a copy with zeros where there are none. */
async function wholeStripes(run: OpRun, w: Fp8Weight, columns: number): Promise<Fp8Weight> {
  if (columns % STRIPE === 0 && (w.shuffled || w.rows % STRIPE === 0)) return w;
  const rows = roundUp(w.rows, STRIPE);
  const address = await padded(run, 'w', w, columns, rows);
  return { address, rows, pitch: roundUp(columns, STRIPE), shuffled: false };
}

/** A row-major copy with whole chunks of 16 columns and so many rows. */
async function padded(run: OpRun, name: string, from: Fp8Weight, columns: number, rows: number): Promise<bigint> {
  const paddedColumns = roundUp(columns, STRIPE);
  const to = run.address(run.scratch(rows * paddedColumns, `padded ${name}`, { zeroed: false }));
  await run.launch({
    object: 'gemm-fp8-around',
    kernel: 'gemm_fp8_pad_matrix',
    struct: PadMatrixArgs,
    values: {
      from: from.address,
      to,
      rows: from.rows,
      columns,
      pitch: from.pitch,
      shuffled: from.shuffled ? 1 : 0,
      padded_rows: rows,
      padded_columns: paddedColumns,
    },
    grid: [Math.ceil((rows * paddedColumns) / STRIPE / THREADS), 1, 1],
  });
  return to;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
