// Floats of rows as the kernels load and store them: eight neighbours of one lane at a time, or one.
#pragma once
#include "gfx.h"
#include "narrow.h"

// Number of a float type in the argument structs.
constexpr u32 KIND_F32 = 0;
constexpr u32 KIND_BF16 = 1;
constexpr u32 KIND_F16 = 2;

template <typename Source> constexpr u32 KIND_OF = KIND_F32;
template <> inline constexpr u32 KIND_OF<bf16> = KIND_BF16;
template <> inline constexpr u32 KIND_OF<f16> = KIND_F16;

constexpr u32 bytes_of_kind(u32 kind) { return kind == KIND_F32 ? 4 : 2; }

// Eight values as they lie in memory; the second half is used by f32 only.
struct RawEight {
  u32x4 low;
  u32x4 high;
};

// Elements [first, first + 8) of a row, which lie in the buffer or outside of it as a whole.
template <typename Source> DEVICE RawEight load_raw(Buffer row, u32 first) {
  RawEight raw = {};
  raw.low = buffer_load<u32x4>(row, first * sizeof(Source));
  if constexpr (sizeof(Source) == 4) raw.high = buffer_load<u32x4>(row, first * 4 + 16);
  return raw;
}

// The same of a type that is known at launch only.
DEVICE RawEight load_raw(Buffer row, u32 first, u32 kind) {
  RawEight raw = {};
  if (kind == KIND_F32) {
    raw.low = buffer_load<u32x4>(row, first * 4);
    raw.high = buffer_load<u32x4>(row, first * 4 + 16);
  } else {
    raw.low = buffer_load<u32x4>(row, first * 2);
  }
  return raw;
}

// Eight elements at an address that is aligned to 16 bytes.
template <typename Source> DEVICE RawEight load_raw(const Source *from) {
  RawEight raw = {};
  raw.low = *(const u32x4 *)from;
  if constexpr (sizeof(Source) == 4) raw.high = *(const u32x4 *)(from + 4);
  return raw;
}

template <typename Source> DEVICE void store_raw(Buffer row, u32 first, const RawEight &raw) {
  buffer_store(row, raw.low, first * sizeof(Source));
  if constexpr (sizeof(Source) == 4) buffer_store(row, raw.high, first * 4 + 16);
}

// Exact in every case.
DEVICE f32 widen_half(u32 half, u32 kind) {
  return kind == KIND_BF16 ? f32_of_bf16((u16)half) : f32_of_f16((u16)half);
}

template <u32 kind> DEVICE f32x8 widen(const RawEight &raw) {
  f32x8 values;
  UNROLL for (i32 i = 0; i < 8; i++) {
    if constexpr (kind == KIND_F32) {
      const u32 word = i < 4 ? raw.low[i & 3] : raw.high[i & 3];
      values[i] = bits_as<f32>(word);
    } else {
      const u32 pair = raw.low[i / 2];
      values[i] = widen_half(i % 2 == 0 ? pair & 0xffff : pair >> 16, kind);
    }
  }
  return values;
}

DEVICE f32x8 widen(const RawEight &raw, u32 kind) {
  if (kind == KIND_F32) return widen<KIND_F32>(raw);
  if (kind == KIND_BF16) return widen<KIND_BF16>(raw);
  return widen<KIND_F16>(raw);
}

// Rounded once, ties to even; or, for bf16 that drops the low half, `truncate`.
template <typename Source> DEVICE RawEight narrow(f32x8 values, bool truncate = false) {
  RawEight raw = {};
  UNROLL for (i32 i = 0; i < 8; i += 2) {
    const f32 first = values[i];
    const f32 second = values[i + 1];
    if constexpr (sizeof(Source) == 4) {
      (i < 4 ? raw.low : raw.high)[i & 3] = bits_as<u32>(first);
      (i < 4 ? raw.low : raw.high)[(i & 3) + 1] = bits_as<u32>(second);
    } else {
      const u32 even = bits_as<u16>((Source)first);
      const u32 odd = bits_as<u16>((Source)second);
      raw.low[i / 2] = even | odd << 16;
      if (truncate) raw.low[i / 2] = bits_as<u32>(first) >> 16 | (bits_as<u32>(second) & 0xffff0000);
    }
  }
  return raw;
}

DEVICE f32 load_one(const void *values, u64 index, u32 kind) {
  if (kind == KIND_F32) return ((const f32 *)values)[index];
  return widen_half(((const u16 *)values)[index], kind);
}

DEVICE void store_one(void *values, u64 index, u32 kind, f32 value, bool truncate = false) {
  if (kind == KIND_F32) {
    ((f32 *)values)[index] = value;
    return;
  }
  u16 half = kind == KIND_BF16 ? bits_as<u16>((bf16)value) : bits_as<u16>((f16)value);
  if (truncate) half = (u16)(bits_as<u32>(value) >> 16);
  ((u16 *)values)[index] = half;
}
