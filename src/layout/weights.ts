import { ParameterError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { bindTrailing } from './leading.ts';
import { ShapeRejectedError } from './notation.ts';

/** Element widths that AITER shuffles: packed fp4, one byte, two bytes. */
export type WeightBits = 4 | 8 | 16;

/** Every shuffle moves pieces of 16 bytes: one `dwordx4` load of a lane. */
const PIECE_BITS = 128;
const WAVE = 64;

export interface ShuffleWeightOptions {
  /** Bits of an element: 4 for fp4 (two a byte), 8, or 16. Default 8. */
  readonly bits?: number;
  /** `layout=(IN, IK)` of the source: rows of a tile, and half of its columns in bytes (fp4) or elements. Default [16, 16]. */
  readonly tile?: readonly [number, number];
  /** int4 stored one code a byte: pieces of 32. */
  readonly int4?: boolean;
  /**
   * `pad_k_to` of the source: K is padded with zeros to a multiple of this before the shuffle, in bytes (fp4) or elements.
   * Default 0, no padding. Give `permute` the fill 0.
   */
  readonly padKTo?: number;
}

function requireBits(where: string, bits: number): WeightBits {
  if (bits === 4 || bits === 8 || bits === 16) return bits;
  throw new ParameterError(
    where,
    'bits',
    `is ${bits}, expected 4 (fp4), 8 or 16; the source shuffles no other element width.`,
  );
}

/**
 * AITER `shuffle_weight(x, layout=(IN, IK))`, gate and up separated: tiles of IN rows by 16 bytes, stored row block by row
 * block, each tile row by row. The layout that CK's and AITER's preshuffled GEMMs read with one 16-byte load a lane.
 *
 * @param shape `[…, N, K]` in elements; each leading index is shuffled on its own
 * @throws ShapeRejectedError unless N is a multiple of IN and K, padded, of 2 IK (4 IK fp4 elements)
 */
export function shuffleWeight(shape: readonly number[], options: ShuffleWeightOptions = {}): Layout<ShuffleWeightId> {
  const { tile = [16, 16], int4 = false, padKTo = 0 } = options;
  const bits = requireBits('shuffle_weight', options.bits ?? 8);
  const [rows, halfColumns] = tile;
  const piece = int4 ? 32 : PIECE_BITS / bits;
  // The source counts columns of packed fp4 in bytes.
  const perColumn = bits === 4 ? 2 : 1;
  const columns = 2 * halfColumns * perColumn;
  if (columns % piece !== 0) {
    throw new ParameterError(
      'shuffle_weight',
      'tile',
      `is [${tile.join(', ')}]: ${columns} columns are no multiple of a piece of ${piece} elements.`,
    );
  }
  if (!Number.isSafeInteger(padKTo) || padKTo < 0)
    throw new ParameterError(
      'shuffle_weight',
      'padKTo',
      `is ${padKTo}, expected 0 (no padding) or a positive integer.`,
    );
  if (padKTo > 0 && int4)
    throw new ParameterError(
      'shuffle_weight',
      'padKTo',
      'is given for int4, which the source does not pad; pad K first.',
    );
  const pad = padKTo === 0 ? '' : ` | pad ${padKTo * perColumn}`;
  const id: ShuffleWeightId = `shuffle_weight(${rows},${halfColumns})`;
  const dims = `n=(n0 n1:${rows}) k=(k0 k1:${columns / piece} k2:${piece}${pad})`;
  return bindTrailing(id, dims, 'n0 k0 k1 n1 k2', 2, shape);
}

export type ShuffleWeightId = `shuffle_weight(${number},${number})`;

export interface GuinterleaveOptions {
  readonly bits?: number;
  /** Put 16-row blocks of gate and up side by side. Without it the bytes equal the separated shuffle. */
  readonly gateUp: boolean;
  /** Rows of a tile. Default 16. */
  readonly nLane?: number;
}

export type GuinterleaveId = 'shuffle_weight(guinterleave,gate_up)' | 'shuffle_weight(guinterleave)';

/**
 * AITER `shuffle_weight(x, is_guinterleave=True, gate_up)` = `shuffle_weight_a16w4`: 16-row blocks alternate gate, up.
 * Logical rows are in separated order (all gate rows, then all up rows).
 *
 * @param shape `[E, N, K]` in elements, N = 2 I with `gateUp`
 * @throws ShapeRejectedError unless N (or N / 2) is a multiple of nLane and a row of 64 / nLane pieces of 16 bytes
 */
export function shuffleWeightGuinterleave(
  shape: readonly number[],
  options: GuinterleaveOptions,
): Layout<GuinterleaveId> {
  const { gateUp, nLane = 16 } = options;
  const bits = requireBits('shuffle_weight(guinterleave)', options.bits ?? 8);
  const id: GuinterleaveId = gateUp ? 'shuffle_weight(guinterleave,gate_up)' : 'shuffle_weight(guinterleave)';
  if (shape.length !== 3)
    throw new ShapeRejectedError(id, shape, `it has ${shape.length} dimensions, expected 3 (experts, rows, columns).`);
  const columns = `k=(k0 k1:${WAVE / nLane} k2:${bits === 4 ? 32 : 16})`;
  return gateUp
    ? bindTrailing(id, `n=(gu:2 n0 n1:${nLane}) ${columns}`, 'n0 gu k0 k1 n1 k2', 2, shape)
    : bindTrailing(id, `n=(n0 n1:${nLane}) ${columns}`, 'n0 k0 k1 n1 k2', 2, shape);
}

export interface ShuffleWeightNKOptions {
  /** Rows of one matrix instruction. */
  readonly instN: number;
  /** Columns of one matrix instruction. */
  readonly instK: number;
}

/**
 * AITER `shuffle_weight_NK(x, inst_N, inst_K)`: tiles as one matrix instruction's lanes hold them.
 * @throws ShapeRejectedError unless N is a multiple of instN and K of instK
 */
export function shuffleWeightNK(
  shape: readonly number[],
  options: ShuffleWeightNKOptions,
): Layout<'shuffle_weight_NK'> {
  const { instN, instK } = options;
  const groups = WAVE / instN;
  const perLane = instK / groups;
  if (!Number.isInteger(groups) || !Number.isInteger(perLane)) {
    throw new ParameterError(
      'shuffle_weight_NK',
      'inst',
      `is [${instN}, ${instK}]: 64 lanes do not divide it into whole pieces (64 / ${instN} groups of ${instK} columns).`,
    );
  }
  return bindTrailing(
    'shuffle_weight_NK',
    `n=(n0 n1:${instN}) k=(k0 k1:${groups} k2:${perLane})`,
    'n0 k0 k1 n1 k2',
    2,
    shape,
  );
}
