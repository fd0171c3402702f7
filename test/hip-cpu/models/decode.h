// Codes of the narrow formats as f32, 16 at a time.
#pragma once
#include <cstdint>

namespace preshuffle_cpu {

typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef _Float16 f16x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef uint16_t u16x16 __attribute__((ext_vector_type(16)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));

// Every format is narrower than f16: shifted into place a code is an f16 whose exponent is off by a constant, which a
// multiplication mends, for subnormal codes too. From f16 to f32 is one instruction of the host.

inline f32x16 from_half_bits(u16x16 bits) {
  return __builtin_convertvector(__builtin_bit_cast(f16x16, bits), f32x16);
}

/** NaN where a 16-bit comparison holds. */
template <typename Mask> f32x16 nan_where(Mask mask, f32x16 value) {
  const i32x16 wide = __builtin_convertvector(mask, i32x16);
  return __builtin_bit_cast(f32x16, __builtin_bit_cast(i32x16, value) | (wide & 0x7fc00000));
}

// OCP "8-bit Floating Point Specification" (2023): e4m3 has no infinity, and NaN only with all bits set.
inline f32x16 decode_e4m3(u8x16 codes) {
  const u16x16 wide = __builtin_convertvector(codes, u16x16);
  const f32x16 value = from_half_bits((wide & 0x7f) << 7 | (wide & 0x80) << 8) * 256.0f;
  return nan_where((wide & 0x7f) == 0x7f, value);
}

/** The e4m3 of gfx942: half the values, one NaN in the place of -0. */
inline f32x16 decode_e4m3_fnuz(u8x16 codes) {
  const u16x16 wide = __builtin_convertvector(codes, u16x16);
  const f32x16 value = from_half_bits((wide & 0x7f) << 7 | (wide & 0x80) << 8) * 128.0f;
  return nan_where(wide == 0x80, value);
}

/** The upper half of an f16. */
inline f32x16 decode_e5m2(u8x16 codes) { return from_half_bits(__builtin_convertvector(codes, u16x16) << 8); }

/** One code a byte, in its low four bits. */
inline f32x16 decode_e2m1(u8x16 codes) {
  const u16x16 wide = __builtin_convertvector(codes, u16x16);
  return from_half_bits((wide & 7) << 9 | (wide & 8) << 12) * 16384.0f;
}

}  // namespace preshuffle_cpu
