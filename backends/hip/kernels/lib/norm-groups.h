// Quantisation to fp8 of rows of float32 values, one scale for each group of a row.
#pragma once
#include "norm-reduce.h"
#include "norm-values.h"
#include "quant.h"

// The groups of a matrix and where their scales lie. Words only; kernels take it inside their argument.
struct Groups {
  // Elements of a row, elements that share a scale.
  u32 columns;
  u32 group;
  // Groups of a row.
  u32 count;
  // The scale of (row, group) lies at row * scale_row + group * scale_group.
  u32 scale_row;
  u32 scale_group;
  // Not 0: in MX tiles of 32 rows by 8 groups instead, and this many of them beside each other.
  u32 scale_tiles;
};

DEVICE u64 place_of(const Groups &groups, u32 row, u32 group) {
  if (groups.scale_tiles == 0) return (u64)row * groups.scale_row + (u64)group * groups.scale_group;
  const u64 tile = (u64)(row / 32) * groups.scale_tiles + group / 8;
  return tile * 256 + group % 4 * 64 + row % 16 * 4 + group / 4 % 2 * 2 + row / 16 % 2;
}

// As codes_of_8 of lib/quant.h, for rules that multiply and limit. Codes of the machine's own fp8 format take four instructions
// instead of a hundred: the conversion knows no limit, and makes a NaN of its own of a NaN, so values are limited
// before, and what may become a NaN goes the long way. A NaN that did not count in `largest` becomes -max here as there.
DEVICE u32x2 codes_of_8_limited(const QuantRule &rule, f32x8 values, u32 largest, f32 step) {
  const bool own_format = rule.format.limit == bits_as<u32>(FP8_MAX);
  if (!own_format || largest >= INFINITY_BITS) return codes_of_8(rule, values, step);
  f32 limited[8];
  UNROLL for (i32 i = 0; i < 8; i++) {
    limited[i] = __builtin_fminf(__builtin_fmaxf(values[i] * step, -FP8_MAX), FP8_MAX);
  }
  return u32x2{pack_fp8x4(limited[0], limited[1], limited[2], limited[3]),
               pack_fp8x4(limited[4], limited[5], limited[6], limited[7])};
}

// A row in groups of any length, the last one cut off where the row ends: slow, for rows that are not whole eights. Waves take
// groups in turn; a row of few groups has all waves on each. `value(column)` gives an element of the row; `partial` has a
// place for each pair of waves.
template <i32 threads, typename Values>
DEVICE void quantise_any_row(const Groups &groups, const QuantRule &rule, u32 row, u8 *y, u8 *scales, LDS(u32) * partial,
                             const Values &value) {
  constexpr u32 WAVES = threads / 64;
  const bool together = groups.count < WAVES;
  const u32 lanes = together ? (u32)threads : 64;
  const u32 lane = together ? (u32)thread_x() : (u32)lane_number();
  for (u32 group = together ? 0 : (u32)wave_number(); group < groups.count; group += together ? 1 : WAVES) {
    const u32 first = group * groups.group;
    const u32 end = groups.columns - first < groups.group ? groups.columns : first + groups.group;
    u32 largest = 0;
    for (u32 column = first + lane; column < end; column += lanes) {
      largest = greater(largest, magnitude_of(rule, value(column)));
    }
    largest = together ? reduce_workgroup<Max, threads>(largest, partial + group * WAVES) : max_of_lanes<64>(largest);
    const BlockScale scale = scale_of(rule, largest);
    if (lane == 0) store_scale(rule, scales, place_of(groups, row, group), scale);
    for (u32 column = first + lane; column < end; column += lanes) {
      y[(u64)row * groups.columns + column] = (u8)code_of(rule, value(column), scale.step);
    }
  }
}
