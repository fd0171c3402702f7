import type { Layout } from './layout.ts';
import { bindTrailing } from './leading.ts';
import { bindPattern, parsePattern, ShapeRejectedError } from './notation.ts';

/**
 * AITER `shuffle_weight_gfx1250`: the bytes of `shuffle_weight(16,16)`, presented as `[N / 16, 16 K]`.
 * @param shape `[N, K]`, or `[E, K, N]`, which the source transposes first
 */
export function shuffleWeightGfx1250(
  shape: readonly number[],
  options: { readonly bits?: number } = {},
): Layout<'shuffle_weight_gfx1250'> {
  const id = 'shuffle_weight_gfx1250';
  const piece = 128 / (options.bits ?? 8);
  const k = `k=(k0 k1:2 k2:${piece})`;
  const n = 'n=(n0 n1:16)';
  if (shape.length === 2) {
    const [rows = 0, columns = 0] = shape;
    return bindTrailing(id, `${n} ${k}`, 'n0 k0 k1 n1 k2', 2, shape, [rows / 16, columns * 16]);
  }
  if (shape.length === 3) {
    const [experts = 0, columns = 0, rows = 0] = shape;
    return bindTrailing(id, `${k} ${n}`, 'n0 k0 k1 n1 k2', 2, shape, [experts, rows / 16, columns * 16]);
  }
  throw new ShapeRejectedError(
    id,
    shape,
    `it has ${shape.length} dimensions, expected 2 (rows, columns) or 3 (experts, columns, rows).`,
  );
}

/**
 * AITER `moe_shuffle_weight` on gfx1250 with gate and up interleaved: single rows alternate gate, up; then the separated
 * shuffle. (gfx950 alternates blocks of 16 rows, see `shuffleWeightGuinterleave`.)
 * @param shape `[E, 2 I, K]`
 */
export function moeShuffleWeightGfx1250(
  shape: readonly number[],
  options: { readonly bits?: number } = {},
): Layout<'moe_shuffle_weight_gfx1250'> {
  const piece = 128 / (options.bits ?? 8);
  return bindTrailing(
    'moe_shuffle_weight_gfx1250',
    `n=(gu:2 n0 n1:8) k=(k0 k1:2 k2:${piece})`,
    'n0 k0 k1 n1 gu k2',
    2,
    shape,
  );
}

/** AITER `shuffle_mxfp8fp4_a`: tiles of 2 rows by 128 columns, row-major inside. */
export function shuffleMxfp8fp4A(shape: readonly number[]): Layout<'shuffle_mxfp8fp4_a'> {
  return bindTrailing('shuffle_mxfp8fp4_a', 'm=(m0 m1:2) k=(k0 k1:128)', 'm0 k0 m1 k1', 2, shape);
}

/** AITER `shuffle_mxfp8fp4_b`: tiles of 16 rows by 16 columns, row-major inside. */
export function shuffleMxfp8fp4B(shape: readonly number[]): Layout<'shuffle_mxfp8fp4_b'> {
  return bindTrailing('shuffle_mxfp8fp4_b', 'n=(n0 n1:16) k=(k0 k1:16)', 'n0 k0 n1 k1', 2, shape);
}

/** AITER `shuffle_mxfp8fp4_scale`: tiles of 32 rows by 4 columns; rows are padded to 32 with 0x7f. */
export function shuffleMxfp8fp4Scale(shape: readonly number[]): Layout<'shuffle_mxfp8fp4_scale'> {
  return bindPattern(parsePattern('m=(m0 m1:32 | pad 32) g=(g0 g1:4) -> m0 g0 m1 g1'), shape, {
    id: 'shuffle_mxfp8fp4_scale',
  });
}
