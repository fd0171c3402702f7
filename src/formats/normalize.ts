/** What `normalizeToFnuz` returns. Nothing of the source is changed. */
export interface FnuzWeights {
  /** e4m3fnuz codes. */
  readonly codes: Uint8Array;
  /** Scales, doubled. */
  readonly scales: Float32Array;
  /** How many e4m3fn NaN codes (0x7f, 0xff) became +-240: fnuz has no code for them but 0x80. */
  readonly lostNaNs: number;
}

/**
 * Turns e4m3fn weights into e4m3fnuz weights for gfx942 (SGLang `normalize_e4m3fn_to_e4m3fnuz`). A byte read as e4m3fnuz is
 * half its e4m3fn value, so the codes stay and the scales double. Only -0 (0x80) changes: it would be read as NaN.
 *
 * Elementwise, so it commutes with every layout. Apply it once: nothing in the result shows that it has happened.
 *
 * @param codes e4m3fn codes, one a byte
 * @param scales their dequantisation scales, of any granularity; activation scales of the same product double too
 */
export function normalizeToFnuz(codes: Uint8Array, scales: Float32Array): FnuzWeights {
  const out = codes.slice();
  let lostNaNs = 0;
  for (let index = 0; index < out.length; index += 1) {
    const code = out[index] as number;
    if (code === 0x80) out[index] = 0;
    else if ((code & 0x7f) === 0x7f) lostNaNs += 1;
  }
  return { codes: out, scales: scales.map((scale) => scale * 2), lostNaNs };
}
