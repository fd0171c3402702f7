// Numbers to narrow codes, rounded once to nearest even, and codes to their binary32 values. The format is data. A thread
// converts eight neighbours; those of the last eight that are missing are neither read nor written.
#include "lib/gfx.h"
#include "lib/quant-source.h"

constexpr int THREADS = 256;

enum Rule : u32 {
  RULE_ROUND = 0,
  // binary32 itself: limited at most.
  RULE_COPY = 1,
  // The exponent, rounded by the mantissa: torch ignores the sign, ml_dtypes makes everything but positive numbers NaN.
  RULE_E8M0 = 2,
  RULE_E8M0_POSITIVE = 3,
};

struct EncodeArgs {
  const u8 *x;
  u8 *y;
  u32 count;
  u32 rule;
  // Of a NaN: whether its sign is kept, and which bits of its mantissa after a shift.
  u32 nan_sign;
  u32 nan_payload;
  u32 nan_shift;
  NarrowFormat format;
};

struct DecodeArgs {
  const u8 *x;
  f32 *y;
  u32 count;
  // Bits of a stored code: 4, 8 or 16.
  u32 width;
  // From the exponent field of a code to that of binary32, then a power of two for the difference of the biases.
  u32 shift;
  f32 factor;
  // Sign bit of a code; 0 for e8m0.
  u32 sign_code;
  // Magnitudes above this are NaN, but for the infinity.
  u32 max_code;
  u32 infinity_code;
  // The code of -0 where it is the NaN (fnuz); otherwise no code.
  u32 nan_code;
};

// Bits of numbers as binary32. NaNs keep sign and upper payload.
struct BitsOfF32 {
  DEVICE u32 one(const EncodeArgs &a, u32 at) { return ((const u32 *)a.x)[at]; }
};
struct BitsOfBf16 {
  DEVICE u32 one(const EncodeArgs &a, u32 at) { return (u32)((const u16 *)a.x)[at] << 16; }
};
struct BitsOfF16 {
  DEVICE u32 one(const EncodeArgs &a, u32 at) {
    const u16 half = ((const u16 *)a.x)[at];
    const u32 magnitude = half & 0x7fff;
    if (magnitude > 0x7c00) return (u32)(half & 0x8000) << 16 | INFINITY_BITS | (magnitude & 0x3ff) << 13;
    return bits_as<u32>(f32_of_f16(half));
  }
};
struct BitsOfF64 {
  DEVICE u32 one(const EncodeArgs &a, u32 at) {
    const double exact = ((const double *)a.x)[at];
    const u64 pattern = bits_as<u64>(exact);
    const u32 high = (u32)(pattern >> 32);
    if (exact != exact) return (high & SIGN_BIT) | NAN_BITS | (high & 0x7ffff) << 3;
    const f32 nearest = (f32)exact;
    const u32 bits = bits_as<u32>(nearest);
    // binary32 and e8m0 are defined by rounding to binary32; for the others that would be one rounding too many.
    if (a.rule != RULE_ROUND || nearest == exact) return bits;
    // Rounded to odd: truncated, and the last bit says that something was lost.
    const bool away = (bits_as<u64>((double)nearest) & ~(1ul << 63)) > (pattern & ~(1ul << 63));
    return (away ? bits - 1 : bits) | 1;
  }
};

DEVICE u32 e8m0_code(u32 bits, bool positive) {
  if (positive && (bits == 0 || bits > INFINITY_BITS)) return 255;
  const u32 exponent = bits >> 23 & 255;
  const u32 mantissa = bits & 0x7fffff;
  const bool up = mantissa > 0x400000 || (mantissa == 0x400000 && exponent > 0);
  return up && exponent < 255 ? exponent + 1 : exponent;
}

DEVICE u32 encoded(const EncodeArgs &a, u32 bits) {
  if (is_nan_bits(bits)) {
    const u32 sign = (bits >> a.format.sign_shift) & a.format.sign_code;
    return a.format.nan_code | (bits >> a.nan_shift & a.nan_payload) | (a.nan_sign != 0 ? sign : 0);
  }
  if (a.rule == RULE_ROUND) return code_of_number(a.format, bits);
  const u32 limited = lesser(bits & MAGNITUDE_BITS, a.format.limit) | (bits & SIGN_BIT);
  return a.rule == RULE_COPY ? limited : e8m0_code(limited, a.rule == RULE_E8M0_POSITIVE);
}

// Eight codes of 4, 8, 16 or 32 bits.
DEVICE void store_8(u8 *y, u32 unit, u32 width, const u32 *code) {
  u32 word[8] = {};
  if (width == 4) {
    UNROLL for (int i = 0; i < 8; i++) word[0] |= code[i] << (4 * i);
    ((u32 *)y)[unit] = word[0];
  } else if (width == 8) {
    UNROLL for (int i = 0; i < 8; i++) word[i / 4] |= code[i] << (8 * (i % 4));
    ((u32x2 *)y)[unit] = u32x2{word[0], word[1]};
  } else if (width == 16) {
    UNROLL for (int i = 0; i < 8; i++) word[i / 2] |= code[i] << (16 * (i % 2));
    ((u32x4 *)y)[unit] = u32x4{word[0], word[1], word[2], word[3]};
  } else {
    ((u32x4 *)y)[(u64)unit * 2] = u32x4{code[0], code[1], code[2], code[3]};
    ((u32x4 *)y)[(u64)unit * 2 + 1] = u32x4{code[4], code[5], code[6], code[7]};
  }
}

// One code, and with fp4 its neighbour, which shares the byte.
DEVICE void store_1(u8 *y, u32 at, u32 width, u32 code, u32 next) {
  if (width == 4) y[at / 2] = (u8)(code | next << 4);
  else if (width == 8) y[at] = (u8)code;
  else if (width == 16) ((u16 *)y)[at] = (u16)code;
  else ((u32 *)y)[at] = code;
}

template <typename Bits> DEVICE void encode_of(const EncodeArgs &a) {
  const u32 unit = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 first = unit * 8;
  if (unit < a.count / 8) {
    u32 bits[8];
    u32 code[8];
    UNROLL for (int i = 0; i < 8; i++) bits[i] = Bits::one(a, first + i);
    UNROLL for (int i = 0; i < 8; i++) code[i] = encoded(a, bits[i]);
    store_8(a.y, unit, a.format.width, code);
  } else if (unit == a.count / 8) {
    const u32 step = a.format.width == 4 ? 2 : 1;
    for (u32 at = first; at < a.count; at += step) {
      const u32 next = step == 2 && at + 1 < a.count ? encoded(a, Bits::one(a, at + 1)) : 0;
      store_1(a.y, at, a.format.width, encoded(a, Bits::one(a, at)), next);
    }
  }
}

PRESHUFFLE_KERNEL(encode_f32, EncodeArgs, THREADS) { encode_of<BitsOfF32>(a); }
PRESHUFFLE_KERNEL(encode_bf16, EncodeArgs, THREADS) { encode_of<BitsOfBf16>(a); }
PRESHUFFLE_KERNEL(encode_f16, EncodeArgs, THREADS) { encode_of<BitsOfF16>(a); }
PRESHUFFLE_KERNEL(encode_f64, EncodeArgs, THREADS) { encode_of<BitsOfF64>(a); }

DEVICE f32 decoded(const DecodeArgs &a, u32 code) {
  if (a.sign_code == 0) {
    if (code > a.max_code) return bits_as<f32>(NAN_BITS);
    return bits_as<f32>(code == 0 ? 0x00400000u : code << 23);
  }
  const u32 magnitude = code & (a.sign_code - 1);
  const u32 sign = (code & a.sign_code) != 0 ? SIGN_BIT : 0;
  if (magnitude == a.infinity_code) return bits_as<f32>(sign | INFINITY_BITS);
  if (magnitude > a.max_code || code == a.nan_code) return bits_as<f32>(NAN_BITS);
  // Exact, from a subnormal of binary32 too.
  return bits_as<f32>(bits_as<u32>(bits_as<f32>(magnitude << a.shift) * a.factor) | sign);
}

DEVICE u32 code_at(const DecodeArgs &a, u32 at) {
  if (a.width == 4) return a.x[at / 2] >> (at % 2 * 4) & 15;
  return a.width == 8 ? a.x[at] : ((const u16 *)a.x)[at];
}

PRESHUFFLE_KERNEL(decode, DecodeArgs, THREADS) {
  const u32 unit = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 first = unit * 8;
  if (unit > a.count / 8) return;
  if (unit == a.count / 8) {
    for (u32 at = first; at < a.count; at++) a.y[at] = decoded(a, code_at(a, at));
    return;
  }
  u32x4 words = {0, 0, 0, 0};
  if (a.width == 4) {
    words[0] = ((const u32 *)a.x)[unit];
  } else if (a.width == 8) {
    const u32x2 both = ((const u32x2 *)a.x)[unit];
    words[0] = both[0];
    words[1] = both[1];
  } else {
    words = ((const u32x4 *)a.x)[unit];
  }
  f32 value[8];
  UNROLL for (int i = 0; i < 8; i++) {
    u32 code;
    if (a.width == 4) code = words[0] >> (4 * i) & 15;
    else if (a.width == 8) code = words[i / 4] >> (8 * (i % 4)) & 255;
    else code = words[i / 2] >> (16 * (i % 2)) & 0xffff;
    value[i] = decoded(a, code);
  }
  ((f32x4 *)a.y)[(u64)unit * 2] = f32x4{value[0], value[1], value[2], value[3]};
  ((f32x4 *)a.y)[(u64)unit * 2 + 1] = f32x4{value[4], value[5], value[6], value[7]};
}
