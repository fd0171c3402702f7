// Results of matrix multiplications: four neighbouring numbers of a row, rounded to the format of y.
#pragma once
#include "convert.h"
#include "kernel.h"

enum OutputFormat : u32 { Y_F32 = 0, Y_BF16 = 1, Y_F16 = 2, Y_BF16_TRUNCATED = 3 };

template <OutputFormat format_of> struct Output {
  static constexpr OutputFormat format = format_of;
};

// Calls body(Output<...>) for a format that is the same for all lanes: one branch for all that is stored.
template <typename Body> DEVICE void with_output(u32 format, Body body) {
  if (format == Y_BF16) body(Output<Y_BF16>{});
  else if (format == Y_F16) body(Output<Y_F16>{});
  else if (format == Y_BF16_TRUNCATED) body(Output<Y_BF16_TRUNCATED>{});
  else body(Output<Y_F32>{});
}

// The codes, rounded to nearest even or cut off.
template <OutputFormat format> DEVICE auto rounded(f32x4 values) {
  if constexpr (format == Y_BF16) return bits_as<u16x4>(bf16_of(values));
  else if constexpr (format == Y_F16) return bits_as<u16x4>(f16_of(values));
  else if constexpr (format == Y_BF16_TRUNCATED) {
    const u32x4 high = bits_as<u32x4>(values) >> 16;
    return __builtin_convertvector(high, u16x4);
  } else return values;
}

// Bytes of an element.
template <OutputFormat format> constexpr u32 output_bytes() { return format == Y_F32 ? 4 : 2; }
