import { LayoutRangeError } from './layout.ts';

/*
 * What each lane of a wave loads to feed v_mfma_scale_f32_16x16x128_f8f6f4 with preshuffled fp4 weights and shuffled e8m0
 * scales: `shuffle_weight` puts the 16 bytes of one lane next to those of the next, `shuffle_scale` the dwords.
 * Source: AITER aiter/ops/flydsl/kernels/mixed_moe_gemm_2stage_common.py.
 */

/** One matrix instruction's share of a weight. */
export interface MfmaTile {
  readonly expert: number;
  /** 16-row block in the storage order of the expert. */
  readonly block: number;
  /** Slice of 128 elements along K. */
  readonly slice: number;
}

export interface MfmaWeightSizes {
  /** Rows of an expert. */
  readonly rows: number;
  /** Elements of a row: a multiple of 128. */
  readonly columns: number;
}

const LANES = 64;

/**
 * First of the 16 bytes of packed fp4 that a lane loads. Lane l then holds row l % 16 of the block and the 32 elements, one scale
 * block, from 128 slice + 32 (l / 16) on.
 *
 * @throws LayoutRangeError for a tile or lane that does not exist
 */
export function weightLoadByte(sizes: MfmaWeightSizes, tile: MfmaTile, lane: number): number {
  checkTile(sizes, tile, lane);
  const rowBytes = sizes.columns / 2;
  return (tile.expert * sizes.rows + tile.block * 16) * rowBytes + tile.slice * 1024 + lane * 16;
}

/** A dword of four scales and the byte of it that an instruction uses. */
export interface ScaleLoad {
  /** Index of the 32-bit word in the shuffled scales. */
  readonly dword: number;
  /** Byte of the word: `op_sel` (bit 0) and `op_sel_hi` (bit 1) of the instruction. */
  readonly opsel: 0 | 1 | 2 | 3;
}

/**
 * The scale of a lane's fp4 block. One dword serves two neighbouring row blocks by two neighbouring slices; with gate and up
 * interleaved the two row blocks are the gate and the up rows of the same 16 channels.
 *
 * @throws LayoutRangeError for a tile or lane that does not exist
 */
export function scaleLoad(sizes: MfmaWeightSizes, tile: MfmaTile, lane: number): ScaleLoad {
  checkTile(sizes, tile, lane);
  const paddedGroups = Math.ceil(sizes.columns / 32 / 8) * 8;
  const row = tile.expert * sizes.rows + tile.block * 16;
  const dword = Math.floor(row / 32) * (paddedGroups / 8) * LANES + Math.floor(tile.slice / 2) * LANES + lane;
  return { dword, opsel: (2 * (tile.slice % 2) + (Math.floor(row / 16) % 2)) as 0 | 1 | 2 | 3 };
}

function checkTile({ rows, columns }: MfmaWeightSizes, { expert, block, slice }: MfmaTile, lane: number): void {
  if (rows % 16 !== 0 || columns % 128 !== 0)
    throw new LayoutRangeError(
      `v_mfma_scale_f32_16x16x128_f8f6f4: a weight of ${rows} x ${columns} has no whole tiles of 16 rows by 128 columns; pad it.`,
    );
  const inside = (value: number, end: number): boolean => Number.isInteger(value) && value >= 0 && value < end;
  const end = Number.MAX_SAFE_INTEGER;
  if (inside(expert, end) && inside(block, rows / 16) && inside(slice, columns / 128) && inside(lane, LANES)) return;
  throw new LayoutRangeError(
    `v_mfma_scale_f32_16x16x128_f8f6f4: expert ${expert}, row block ${block}, slice ${slice}, lane ${lane} is outside an expert of ` +
      `${rows / 16} row blocks by ${columns / 128} slices and 64 lanes.`,
  );
}
