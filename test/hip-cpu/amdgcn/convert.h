// The conversion builtins; see lib/convert.h.
#pragma once
#include "kernel.h"
#include "models/decode.h"
#include "models/encode.h"

namespace amdgcn {

namespace conversion {

typedef float f32x2 __attribute__((ext_vector_type(2)));
typedef __bf16 bf16x2 __attribute__((ext_vector_type(2)));
typedef short i16x2 __attribute__((ext_vector_type(2)));

inline uint8_t encode_fp8(float value) {
#ifdef PRESHUFFLE_HIP_CPU_GFX942
  return preshuffle_cpu::encode_e4m3_fnuz(value);
#else
  return preshuffle_cpu::encode_e4m3(value);
#endif
}

inline float decode_fp8(uint32_t code) {
  const preshuffle_cpu::u8x16 codes = (uint8_t)code;
#ifdef PRESHUFFLE_HIP_CPU_GFX942
  return preshuffle_cpu::decode_e4m3_fnuz(codes)[0];
#else
  return preshuffle_cpu::decode_e4m3(codes)[0];
#endif
}

inline float decode_fp4(uint32_t code) { return preshuffle_cpu::decode_e2m1((uint8_t)(code & 15))[0]; }

/** The conversions look at the exponent of their scale only: it is an e8m0 in the place of f32's exponent. */
inline uint32_t e8m0_of(float scale) { return __builtin_bit_cast(uint32_t, scale) >> 23 & 255; }

/** `part` of `bits` bits in the place of part number `at` of a word. */
inline uint32_t insert(uint32_t word, uint32_t part, int bits, int at) {
  const uint32_t mask = ((1u << bits) - 1) << (bits * at);
  return (word & ~mask) | part << (bits * at);
}

}  // namespace conversion

inline int cvt_pk_fp8_f32(float a, float b, int old, bool high) {
  const uint32_t pair = conversion::encode_fp8(a) | (uint32_t)conversion::encode_fp8(b) << 8;
  return (int)conversion::insert((uint32_t)old, pair, 16, high);
}

inline conversion::f32x2 cvt_pk_f32_fp8(int word, bool high) {
  const uint32_t pair = (uint32_t)word >> (high ? 16 : 0);
  return {conversion::decode_fp8(pair & 255), conversion::decode_fp8(pair >> 8 & 255)};
}

inline conversion::i16x2 cvt_scalef32_pk_fp8_f32(conversion::i16x2 old, float a, float b, float scale, bool high) {
  const uint32_t e8m0 = conversion::e8m0_of(scale);
  const uint32_t pair = conversion::encode_fp8(preshuffle_cpu::times_e8m0(a, e8m0, -1)) |
                        (uint32_t)conversion::encode_fp8(preshuffle_cpu::times_e8m0(b, e8m0, -1)) << 8;
  return __builtin_bit_cast(conversion::i16x2, conversion::insert(__builtin_bit_cast(uint32_t, old), pair, 16, high));
}

inline conversion::f32x2 cvt_scalef32_pk_f32_fp8(uint32_t word, float scale, bool high) {
  const conversion::f32x2 values = cvt_pk_f32_fp8((int)word, high);
  const uint32_t e8m0 = conversion::e8m0_of(scale);
  return {preshuffle_cpu::times_e8m0(values[0], e8m0, 1), preshuffle_cpu::times_e8m0(values[1], e8m0, 1)};
}

inline uint32_t cvt_scalef32_pk_fp4_f32(uint32_t old, float a, float b, float scale, int byte) {
  const uint32_t e8m0 = conversion::e8m0_of(scale);
  const uint32_t pair = preshuffle_cpu::encode_e2m1(preshuffle_cpu::times_e8m0(a, e8m0, -1)) |
                        (uint32_t)preshuffle_cpu::encode_e2m1(preshuffle_cpu::times_e8m0(b, e8m0, -1)) << 4;
  return conversion::insert(old, pair, 8, byte);
}

inline conversion::f32x2 cvt_scalef32_pk_f32_fp4(uint32_t word, float scale, int byte) {
  const uint32_t pair = word >> (8 * byte);
  const uint32_t e8m0 = conversion::e8m0_of(scale);
  return {preshuffle_cpu::times_e8m0(conversion::decode_fp4(pair), e8m0, 1),
          preshuffle_cpu::times_e8m0(conversion::decode_fp4(pair >> 4), e8m0, 1)};
}

inline conversion::bf16x2 cvt_scalef32_pk_bf16_fp4(uint32_t word, float scale, int byte) {
  const conversion::f32x2 values = cvt_scalef32_pk_f32_fp4(word, scale, byte);
  const uint16_t codes[2] = {preshuffle_cpu::encode_bf16(values[0]), preshuffle_cpu::encode_bf16(values[1])};
  return __builtin_bit_cast(conversion::bf16x2, codes);
}

}  // namespace amdgcn

// clang calls this for a conversion to bf16; libgcc has it from GCC 13 on only.
extern "C" __attribute__((weak, visibility("hidden"))) __bf16 __truncsfbf2(float value) {
  return __builtin_bit_cast(__bf16, preshuffle_cpu::encode_bf16(value));
}
