// What all quantisers share: the largest magnitude of a block, its scale by the rule of one producer, and the codes of its
// elements. The rule is data (kernels/quant-rules.ts). Products and quotients of binary32 are IEEE's on every target that
// these kernels are compiled for, subnormals included; that and integers decide every bit.
#pragma once
#include "convert.h"
#include "narrow.h"
#include "wave.h"

// How the scale follows from the largest magnitude.
constexpr u32 FACTOR_DIVIDE = 1;
constexpr u32 FACTOR_MULTIPLY = 2;

constexpr u32 ROUND_NONE = 0;
constexpr u32 ROUND_UE8M0 = 1;
constexpr u32 ROUND_E8M0_FLOOR = 2;
constexpr u32 ROUND_E8M0_CEIL = 3;
constexpr u32 ROUND_E8M0_EVEN = 4;

constexpr u32 STEP_SCALE = 0;
constexpr u32 STEP_INVERSE = 1;

// Words only; kernels take it inside their argument.
struct QuantRule {
  NarrowFormat format;
  // 1: elements times the step. 0: divided by it. Each rounds once, as the producer does.
  u32 multiply;
  // Larger magnitudes do not count: infinity for fmaxf, which knows no NaN. Otherwise a NaN is the largest of all.
  u32 countable;
  // The largest magnitude is raised to this (bits).
  u32 floor;
  u32 factor_rule;
  f32 factor;
  u32 rounding;
  // torch's references: a scale of zero becomes one.
  u32 zero_to_one;
  // ROUND_E8M0_EVEN: half of the element's last mantissa bit, and its largest exponent.
  u32 even_nudge;
  u32 even_exponent;
  // Limits of an e8m0 byte. The lower one holds for what is stored only: elements are scaled without it.
  u32 byte_ceiling;
  u32 byte_floor;
  // Elements meet the scale itself, 1 / scale, or step_max / amax.
  u32 step_rule;
  f32 step_max;
  // 1: scales are stored as exponent bytes, 0: as binary32.
  u32 byte_scales;
};

struct BlockScale {
  // Bits of a binary32 number, or an exponent byte.
  u32 stored;
  // What elements are multiplied with or divided by.
  f32 step;
};

// Of one element, for the maximum over the block: magnitudes are ordered as their bits are, and a NaN lies above infinity.
DEVICE u32 magnitude_of(const QuantRule &rule, f32 value) {
  const u32 magnitude = bits_as<u32>(value) & MAGNITUDE_BITS;
  return magnitude > rule.countable ? 0 : magnitude;
}

// The maximum over groups of `lanes` lanes: 1, 2, 4, … 64, the same for the whole wave.
DEVICE u32 max_over_lanes(u32 value, u32 lanes) {
  switch (lanes) {
    case 2: return max_of_lanes<2>(value);
    case 4: return max_of_lanes<4>(value);
    case 8: return max_of_lanes<8>(value);
    case 16: return max_of_lanes<16>(value);
    case 32: return max_of_lanes<32>(value);
    case 64: return max_of_lanes<64>(value);
    default: return value;
  }
}

// The biased exponent of the smallest power of two that is not below the magnitude; 255 for infinity and NaN.
DEVICE u32 ceil_exponent(u32 magnitude) {
  const u32 exponent = magnitude >> 23;
  return exponent + (exponent < 255 && (magnitude & 0x7fffff) != 0 ? 1 : 0);
}

// 2^(byte - 127): byte 0 is the subnormal 2^-127, byte 255 is NaN.
DEVICE u32 e8m0_bits(u32 byte) {
  if (byte == 255) return NAN_BITS;
  return byte == 0 ? 0x00400000 : byte << 23;
}

DEVICE u32 e8m0_byte(const QuantRule &rule, u32 amax, u32 scaled) {
  if (rule.rounding == ROUND_E8M0_FLOOR) return scaled >> 23;
  if (rule.rounding == ROUND_E8M0_CEIL) return ceil_exponent(scaled);
  const u32 exponent = (lesser(amax, INFINITY_BITS) + rule.even_nudge) >> 23;
  if (exponent >= 255) return 255;
  return greater(exponent, rule.even_exponent) - rule.even_exponent;
}

// The scale of a block, from its largest magnitude (bits).
DEVICE BlockScale scale_of(const QuantRule &rule, u32 largest) {
  const u32 amax = largest > INFINITY_BITS ? NAN_BITS : greater(largest, rule.floor);
  f32 scaled = bits_as<f32>(amax);
  if (rule.factor_rule == FACTOR_DIVIDE) scaled = scaled / rule.factor;
  else if (rule.factor_rule == FACTOR_MULTIPLY) scaled = scaled * rule.factor;
  // The sign of a NaN is the machine's; no other number has one here.
  u32 scale = bits_as<u32>(scaled) & MAGNITUDE_BITS;
  BlockScale out;
  if (rule.rounding >= ROUND_E8M0_FLOOR) {
    const u32 byte = lesser(e8m0_byte(rule, amax, scale), rule.byte_ceiling);
    scale = e8m0_bits(byte);
    out.stored = greater(byte, rule.byte_floor);
  } else {
    if (rule.rounding == ROUND_UE8M0) scale = lesser(greater(ceil_exponent(scale), 1), 254) << 23;
    if (rule.zero_to_one != 0 && scale == 0) scale = 0x3f800000;
    if (scale > INFINITY_BITS) scale = NAN_BITS;
    out.stored = rule.byte_scales != 0 ? scale >> 23 : scale;
  }
  if (rule.step_rule == STEP_SCALE) out.step = bits_as<f32>(scale);
  else if (rule.step_rule == STEP_INVERSE) out.step = 1.0f / bits_as<f32>(scale);
  else out.step = rule.step_max / bits_as<f32>(amax);
  return out;
}

DEVICE f32x8 scaled_8(const QuantRule &rule, f32x8 values, f32 step) {
  return rule.multiply != 0 ? values * step : values / step;
}

DEVICE u32 code_of(const QuantRule &rule, f32 value, f32 step) {
  const f32 scaled = rule.multiply != 0 ? value * step : value / step;
  return code_of_any(rule.format, bits_as<u32>(scaled));
}

// The maximum of eight elements.
DEVICE u32 magnitude_of_8(const QuantRule &rule, f32x8 values) {
  u32 largest = 0;
  UNROLL for (int i = 0; i < 8; i++) largest = greater(largest, magnitude_of(rule, values[i]));
  return largest;
}

// The codes of eight neighbours, the first in the lowest bits: eight bytes or, for fp4, the first word alone.
DEVICE u32x2 codes_of_8(const QuantRule &rule, f32x8 values, f32 step) {
  const f32x8 scaled = scaled_8(rule, values, step);
  u32 code[8];
  UNROLL for (int i = 0; i < 8; i++) {
    const f32 value = scaled[i];
    code[i] = code_of_any(rule.format, bits_as<u32>(value));
  }
  u32x2 packed = {0, 0};
  if (rule.format.width == 4) {
    UNROLL for (int i = 0; i < 8; i++) packed[0] |= code[i] << (4 * i);
  } else {
    UNROLL for (int i = 0; i < 8; i++) packed[i / 4] |= code[i] << (8 * (i % 4));
  }
  return packed;
}

// Which fp8 format the machine converts to by itself: NarrowFormat.rebias tells the formats apart.
constexpr u32 OWN_FP8_REBIAS = FP8_MAX == 448 ? 120 << 3 : 119 << 3;

// As above, given the largest magnitude of the block (that of `scale_of`). Codes of the machine's own fp8 format take a few
// instructions instead of a hundred. The conversion knows no limit and its NaNs are not ours, so what may overflow or be a NaN
// goes the long way; but for a NaN that did not count in `largest` and is to become -max, as it does here, too.
DEVICE u32x2 codes_of_8(const QuantRule &rule, f32x8 values, u32 largest, f32 step) {
  const NarrowFormat &format = rule.format;
  const bool lowest_for_nan = format.nan_code == (format.max_code | format.sign_code);
  const bool nan_counts = rule.countable != INFINITY_BITS;
  const bool own = format.rebias == OWN_FP8_REBIAS && (nan_counts || lowest_for_nan);
  if (!own || largest >= INFINITY_BITS) return codes_of_8(rule, values, step);
  const f32x8 scaled = scaled_8(rule, values, step);
  const f32 limit = bits_as<f32>(format.limit);
  f32 limited[8];
  f32 greatest = 0;
  UNROLL for (int i = 0; i < 8; i++) {
    const f32 value = scaled[i];
    limited[i] = __builtin_fminf(__builtin_fmaxf(value, -limit), limit);
    greatest = __builtin_fmaxf(greatest, __builtin_fabsf(limited[i]));
  }
  if (greatest > FP8_MAX) return codes_of_8(rule, values, step);
  return u32x2{pack_fp8x4(limited[0], limited[1], limited[2], limited[3]),
               pack_fp8x4(limited[4], limited[5], limited[6], limited[7])};
}

// Stores them as elements 8 * unit to 8 * unit + 7.
DEVICE void store_codes_of_8(const QuantRule &rule, u8 *y, u64 unit, u32x2 codes) {
  if (rule.format.width == 4) ((u32 *)y)[unit] = codes[0];
  else ((u32x2 *)y)[unit] = codes;
}

// Stores the scale of a block as element `at`.
DEVICE void store_scale(const QuantRule &rule, u8 *scales, u64 at, const BlockScale &scale) {
  if (rule.byte_scales != 0) scales[at] = (u8)scale.stored;
  else ((u32 *)scales)[at] = scale.stored;
}
