// Conversions between f32 and the narrow formats, one instruction each. All round to nearest, ties to even.
//
// None saturates: what lies beyond the largest number becomes NaN as fp8 (and the largest number as fp4). Clamp first where
// saturation is wanted. fp8 is OCP e4m3 on gfx950 and e4m3fnuz on gfx942. What a NaN becomes as fp4 is not documented.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/convert.h"
#endif

#if defined(__gfx942__) || defined(PRESHUFFLE_HIP_CPU_GFX942)
constexpr f32 FP8_MAX = 240.0f;
#else
constexpr f32 FP8_MAX = 448.0f;
#endif

// NaN stays NaN, which the instruction v_med3_f32 does not promise.
DEVICE f32 clamp_to_fp8(f32 value) { return value > FP8_MAX ? FP8_MAX : value < -FP8_MAX ? -FP8_MAX : value; }

// Two codes in the low or the high half of a word, whose other half stays.
template <bool high> DEVICE u32 pack_fp8(u32 old, f32 a, f32 b) {
  return (u32)AMDGCN(cvt_pk_fp8_f32)(a, b, (i32)old, high);
}
DEVICE u32 pack_fp8x4(f32 a, f32 b, f32 c, f32 d) { return pack_fp8<true>(pack_fp8<false>(0, a, b), c, d); }
template <bool high> DEVICE f32x2 unpack_fp8(u32 word) { return AMDGCN(cvt_pk_f32_fp8)((i32)word, high); }

DEVICE bf16x2 bf16_of(f32x2 values) { return __builtin_convertvector(values, bf16x2); }
DEVICE bf16x4 bf16_of(f32x4 values) { return __builtin_convertvector(values, bf16x4); }
DEVICE f16x2 f16_of(f32x2 values) { return __builtin_convertvector(values, f16x2); }
DEVICE f16x4 f16_of(f32x4 values) { return __builtin_convertvector(values, f16x4); }
DEVICE f32x2 f32_of(bf16x2 values) { return __builtin_convertvector(values, f32x2); }
DEVICE f32x4 f32_of(bf16x4 values) { return __builtin_convertvector(values, f32x4); }
DEVICE f32x8 f32_of(bf16x8 values) { return __builtin_convertvector(values, f32x8); }
DEVICE f32x2 f32_of(f16x2 values) { return __builtin_convertvector(values, f32x2); }
DEVICE f32x4 f32_of(f16x4 values) { return __builtin_convertvector(values, f32x4); }
DEVICE f32x8 f32_of(f16x8 values) { return __builtin_convertvector(values, f32x8); }

#ifndef __gfx942__
// The scale of the conversions below: they look at the exponent only, so an e8m0 is shifted into its place; 255 gives NaN.
// Packing divides by it, unpacking multiplies.
DEVICE f32 scale_of_e8m0(u32 e8m0) { return bits_as<f32>(e8m0 << 23); }

// Two fp4 codes in byte `byte` of a word, `a` in its low half; the other bytes stay.
template <int byte> DEVICE u32 pack_fp4(u32 old, f32 a, f32 b, f32 scale) {
  return AMDGCN(cvt_scalef32_pk_fp4_f32)(old, a, b, scale, byte);
}
template <int byte> DEVICE f32x2 unpack_fp4(u32 word, f32 scale) {
  return AMDGCN(cvt_scalef32_pk_f32_fp4)(word, scale, byte);
}
// Exact, for scales up to 2^125.
template <int byte> DEVICE bf16x2 unpack_fp4_to_bf16(u32 word, f32 scale) {
  return AMDGCN(cvt_scalef32_pk_bf16_fp4)(word, scale, byte);
}
// Eight codes, the first in the lowest bits, to eight bf16: what a lane gives to mfma_16x16x32.
DEVICE bf16x8 unpack_fp4x8_to_bf16(u32 word, f32 scale) {
  // As codes: a host without bf16 would round vectors of numbers again whenever they are moved.
  const u32x4 pairs = {bits_as<u32>(unpack_fp4_to_bf16<0>(word, scale)), bits_as<u32>(unpack_fp4_to_bf16<1>(word, scale)),
                       bits_as<u32>(unpack_fp4_to_bf16<2>(word, scale)), bits_as<u32>(unpack_fp4_to_bf16<3>(word, scale))};
  return bits_as<bf16x8>(pairs);
}

template <bool high> DEVICE u32 pack_fp8_scaled(u32 old, f32 a, f32 b, f32 scale) {
  return bits_as<u32>(AMDGCN(cvt_scalef32_pk_fp8_f32)(bits_as<i16x2>(old), a, b, scale, high));
}
template <bool high> DEVICE f32x2 unpack_fp8_scaled(u32 word, f32 scale) {
  return AMDGCN(cvt_scalef32_pk_f32_fp8)(word, scale, high);
}
#endif
