// The numbers that quantisers read, eight neighbours or one at a time, as binary32. Each source keeps eight elements in
// registers as they came from memory (Raw): half as many registers where elements have 16 bits. KEPT says how many eights a
// thread keeps between the maximum and the codes; more are read twice.
#pragma once
#include "narrow.h"

struct SourceF32 {
  // Rows of 16384, blocks of 128x128.
  static constexpr u32 KEPT = 8;
  struct Raw {
    f32x4 low;
    f32x4 high;
  };
  DEVICE Raw load_8(const u8 *x, u64 unit) {
    const f32x4 *from = (const f32x4 *)x + unit * 2;
    return {from[0], from[1]};
  }
  DEVICE f32x8 values(const Raw &raw, f32) { return __builtin_shufflevector(raw.low, raw.high, 0, 1, 2, 3, 4, 5, 6, 7); }
  DEVICE f32 one(const u8 *x, u64 at, f32) { return ((const f32 *)x)[at]; }
};

struct SourceBf16 {
  static constexpr u32 KEPT = 8;
  typedef u32x4 Raw;
  DEVICE Raw load_8(const u8 *x, u64 unit) { return ((const u32x4 *)x)[unit]; }
  DEVICE f32x8 values(const Raw &raw, f32) {
    f32x8 out;
    UNROLL for (int i = 0; i < 4; i++) {
      const u32 pair = raw[i];
      out[2 * i] = bits_as<f32>(pair << 16);
      out[2 * i + 1] = bits_as<f32>(pair & 0xffff0000);
    }
    return out;
  }
  DEVICE f32 one(const u8 *x, u64 at, f32) { return f32_of_bf16(((const u16 *)x)[at]); }
};

struct SourceF16 {
  static constexpr u32 KEPT = 8;
  typedef u32x4 Raw;
  DEVICE Raw load_8(const u8 *x, u64 unit) { return ((const u32x4 *)x)[unit]; }
  DEVICE f32x8 values(const Raw &raw, f32) {
    f32x8 out;
    UNROLL for (int i = 0; i < 4; i++) {
      const u32 pair = raw[i];
      out[2 * i] = f32_of_f16((u16)pair);
      out[2 * i + 1] = f32_of_f16((u16)(pair >> 16));
    }
    return out;
  }
  DEVICE f32 one(const u8 *x, u64 at, f32) { return f32_of_f16(((const u16 *)x)[at]); }
};

// Weights of e4m3fn times the scale of their block, rounded to bf16: what SGLang quantises again.
struct SourceWeight {
  // Weights are quantised once, and decoding takes registers.
  static constexpr u32 KEPT = 1;
  typedef u32x2 Raw;
  DEVICE Raw load_8(const u8 *x, u64 unit) { return ((const u32x2 *)x)[unit]; }
  DEVICE f32 value(u32 code, f32 scale) {
    const u32 magnitude = code & 0x7f;
    // Exponents differ by 120. The product is exact, from a subnormal of binary32 too.
    const f32 decoded = magnitude == 0x7f ? bits_as<f32>(NAN_BITS) : bits_as<f32>(magnitude << 20) * 0x1p120f;
    const u32 bits = bits_as<u32>(decoded * scale) ^ (code & 0x80) << 24;
    if (is_nan_bits(bits)) return bits_as<f32>(NAN_BITS);
    return bits_as<f32>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
  }
  DEVICE f32x8 values(const Raw &raw, f32 scale) {
    f32x8 out;
    UNROLL for (int i = 0; i < 8; i++) {
      const u32 four = raw[i / 4];
      out[i] = value(four >> 8 * (i % 4) & 0xff, scale);
    }
    return out;
  }
  DEVICE f32 one(const u8 *x, u64 at, f32 scale) { return value(x[at], scale); }
};
