/**
 * Whose rules apply where a format leaves a choice. Rounding is the same under all of them: to nearest, ties to even.
 *
 * | convention | NaN where the format has one | NaN to e2m1 | NaN to e2m3, e3m2 | e8m0 of zero and of negative numbers |
 * |---|---|---|---|---|
 * | `torch` | bytes of torch 2.11 on a CPU | as `aiter` | +max | sign ignored, zero gives 2^-127 |
 * | `aiter` | as `torch` | 3, with the sign (`f32_to_mxfp4`) | +max | as `torch` |
 * | `ocp` | `nanCode` of the format, with the sign | +max | +max | as `torch` |
 * | `ml_dtypes` | as `ocp` | 0 | 0 | NaN |
 *
 * - Overflow without `saturate` is the same under all: infinity where the format has one (e5m2), else NaN (e4m3fn, fnuz), else
 *   the largest finite value (e2m1, e2m3, e3m2).
 * - From 2.13 on torch itself saturates e4m3fn, infinities too, and no other format: `saturate: true` gives its bytes.
 * - torch writes an e5m2 NaN as 0x7f, and turns a float32 NaN into the bf16 code 0xffff whatever its sign, but a NaN of
 *   f16 and the 8-bit formats into 0x7fc0 (of float64 into either, by position in the array; here 0x7fc0).
 * - A NaN to f16 keeps its sign and upper payload under every convention, as F16C hardware does.
 * - OCP MX v1.0 leaves NaN to FP6 and FP4 open; +max is what NVIDIA's `cvt.satfinite` gives.
 * - Under `ml_dtypes` a NaN to FP6 or FP4 counts as +0, as after `numpy.nan_to_num(x)`. The package on its own maps +NaN
 *   to -0 and -NaN to +0.
 */
export type EncodeConvention = 'torch' | 'ocp' | 'aiter' | 'ml_dtypes';

/** How `encode` and `encodeArray` treat what lies outside a format. */
export interface EncodeOptions {
  /** Clamp to the largest finite magnitude first, infinities too. NaN stays NaN. Default false. */
  readonly saturate?: boolean;
  /** Default `torch`. */
  readonly convention?: EncodeConvention;
}
