// Rounding binary32 numbers to narrow formats, to nearest even. The format is data (kernels/narrow-format.ts), so that one
// kernel serves all of them. Integers and one addition of binary32; same bits on every machine.
#pragma once
#include "kernel.h"

constexpr u32 SIGN_BIT = 0x80000000;
constexpr u32 MAGNITUDE_BITS = 0x7fffffff;
constexpr u32 INFINITY_BITS = 0x7f800000;
constexpr u32 NAN_BITS = 0x7fc00000;

// Words only; kernels take it inside their argument.
struct NarrowFormat {
  // Bits of a stored code: 4, 8, 16 or 32.
  u32 width;
  // Mantissa bits that are cut off, and half of what the last kept bit is worth, less one.
  u32 shift;
  u32 nudge;
  // Between the exponents of binary32 and of the format, at the place of the code's exponent.
  u32 rebias;
  // Magnitudes below this are subnormal in the format; `magic` is the binary32 number whose last bit is worth the smallest one.
  u32 smallest_normal;
  u32 magic;
  // Magnitudes are cut to this first; infinity where they are not.
  u32 limit;
  u32 max_code;
  // What lies above max_code becomes, and what a NaN becomes.
  u32 overflow_code;
  u32 nan_code;
  // Where the sign goes, and its mask. `keep_sign` is 0 where neither zero nor overflow has one (fnuz), otherwise all ones.
  u32 sign_shift;
  u32 sign_code;
  u32 keep_sign;
};

DEVICE u32 lesser(u32 a, u32 b) { return a < b ? a : b; }
DEVICE u32 greater(u32 a, u32 b) { return a > b ? a : b; }

DEVICE bool is_nan_bits(u32 bits) { return (bits & MAGNITUDE_BITS) > INFINITY_BITS; }

// The code of a number or infinity.
DEVICE u32 code_of_number(const NarrowFormat &format, u32 bits) {
  const u32 magnitude = lesser(bits & MAGNITUDE_BITS, format.limit);
  // Codes count on over exponent and mantissa, so a carry out of the mantissa needs no care.
  const u32 odd = (magnitude >> format.shift) & 1;
  const u32 normal = ((magnitude + format.nudge + odd) >> format.shift) - format.rebias;
  // Subnormal codes have a constant step: the addition rounds to it, and leaves the code in the last bits.
  const u32 subnormal = bits_as<u32>(bits_as<f32>(magnitude) + bits_as<f32>(format.magic)) - format.magic;
  const u32 code = magnitude < format.smallest_normal ? subnormal : normal;
  const bool over = code > format.max_code;
  const u32 sign = (bits >> format.sign_shift) & format.sign_code;
  return (over ? format.overflow_code : code) | (over || code == 0 ? sign & format.keep_sign : sign);
}

// As above, of any number; all NaNs have one code.
DEVICE u32 code_of_any(const NarrowFormat &format, u32 bits) {
  const u32 code = code_of_number(format, bits);
  return is_nan_bits(bits) ? format.nan_code : code;
}

DEVICE f32 f32_of_bf16(u16 code) { return bits_as<f32>((u32)code << 16); }
DEVICE f32 f32_of_f16(u16 code) { return (f32)bits_as<f16>(code); }
