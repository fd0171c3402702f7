import type { Layout } from './layout.ts';
import { bindTrailing } from './leading.ts';
import { bindPattern, parsePattern } from './notation.ts';

/*
 * The three states of an activation scale of M tokens by G groups. Every x_scale incident confuses two of them, and
 * with M = 1 or G = 1 all three have the same bytes, so decoding looks right where prefill is garbage.
 */

/** RM: bytes `b[m * G + g]`, metadata says so. What plain CK and row-major kernels read. */
export function scaleRowMajor(shape: readonly number[]): Layout<'scale-rm'> {
  return bindPattern(parsePattern('(m) (g) -> m g'), shape, { id: 'scale-rm' });
}

/** CM: bytes `b[g * M + m]`, honest strides (1, M). What the preshuffled kernels read. */
export function scaleColumnMajor(shape: readonly number[]): Layout<'scale-cm'> {
  return bindPattern(parsePattern('(m) (g) -> g m'), shape, { id: 'scale-cm' });
}

/** TV: the bytes of CM under the metadata of RM, as `x.T.contiguous().view(M, G)` and `transpose_scale=True` leave them. */
export function scaleTransposedView(shape: readonly number[]): Layout<'scale-tv'> {
  return bindPattern(parsePattern('(m) (g) -> g m'), shape, { id: 'scale-tv' });
}

/**
 * DeepGEMM's MN-major TMA-aligned float32 scale: columns of M padded to 16 bytes.
 * @param shape `[M, G]`, or `[batch, M, G]`; each batch is padded on its own
 */
export function scaleTmaAligned(shape: readonly number[]): Layout<'scale-tma-aligned'> {
  return bindTrailing('scale-tma-aligned', 'm=(m | pad 4) (g)', 'g m', 2, shape);
}

/**
 * DeepGEMM's `get_mn_major_tma_aligned_packed_ue8m0_tensor`: four e8m0 bytes of neighbouring groups in an int32, int32 columns
 * of M padded to 16 bytes. Elements are bytes; missing groups are 0.
 * @param shape `[M, G]`, or `[batch, M, G]`
 */
export function scalePackedUe8m0(shape: readonly number[]): Layout<'scale-packed-ue8m0'> {
  return bindTrailing('scale-packed-ue8m0', 'm=(m | pad 4) g=(g0 g1:4 | pad 4)', 'g0 m g1', 2, shape);
}
