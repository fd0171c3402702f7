/**
 * Whose rules apply where the formats leave a choice:
 * - `torch`: `tensor.to(dtype)` of torch 2.11: e4m3fn overflow gives NaN, e5m2 overflow gives infinity, fnuz overflow gives NaN;
 *   e8m0 rounds to the nearest power of two and ignores the sign.
 * - `ocp`: OCP OFP8 and MX: the same codes; saturation on request.
 * - `aiter`: as torch; NaN to e2m1 gives the code of AITER's integer path (`f32_to_mxfp4`).
 * - `ml_dtypes`: NaN to a format without NaN gives 0; e8m0 of zero and of negative numbers is NaN.
 */
export type EncodeConvention = 'torch' | 'ocp' | 'aiter' | 'ml_dtypes';

export interface EncodeOptions {
  /** Clamp to the largest finite magnitude first. NaN stays NaN. Default false. */
  readonly saturate?: boolean;
  /** Default `torch`. */
  readonly convention?: EncodeConvention;
}
