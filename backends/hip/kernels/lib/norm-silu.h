// silu(gate) * up in float32.
#pragma once
#include "gfx.h"

// 2^x within 1 ulp, a result below 2^-126 is zero.
DEVICE f32 exp2_fast(f32 x) {
#ifdef PRESHUFFLE_HIP_CPU
  const f32 result = __builtin_exp2f(x);
  return result < 0x1p-126f ? 0.0f : result;
#else
  return __builtin_amdgcn_exp2f(x);
#endif
}

// 1 / x within 1 ulp; a result below 2^-126 is zero.
DEVICE f32 reciprocal_fast(f32 x) {
#ifdef PRESHUFFLE_HIP_CPU
  const f32 result = 1.0f / x;
  return __builtin_fabsf(result) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : result;
#else
  return __builtin_amdgcn_rcpf(x);
#endif
}

// gate / (1 + exp(-gate)) * up. Errors in units of 2^-24 of the result: 2 |gate| of the exponent (its rounding and that of
// log2(e)), 2 of exp2, 1 of the sum, 2 of the reciprocal, 2 of the products. The op's bound allows 32 + 8 |gate|, which is what
// WGSL needs. For gates below -87.3 exp(-gate) overflows, or its reciprocal is flushed, and the result is next to zero:
// the bound allows 4 * 2^-126 (|gate| + 1) (|up| + 1) beside.
DEVICE f32 silu_mul(f32 gate, f32 up) {
  f32 sigmoid = reciprocal_fast(1.0f + exp2_fast(gate * -0x1.715476p+0f));
  // Below every f32 number, but no zero before f64 has none either: an infinite `up` counts.
  if (gate > -709.78271484375f) sigmoid = __builtin_fmaxf(sigmoid, 0x1p-149f);
  return gate * sigmoid * up;
}
