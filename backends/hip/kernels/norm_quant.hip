// RMSNorm of rows, after adding a residual, and what else its row is good for: the sum, the normalised row and its fp8 codes
// with one scale for each group. One workgroup a row, so that the row is read once.
#include "lib/norm-groups.h"

struct NormQuantArgs {
  const void *x;
  // Null: nothing is added.
  const void *residual;
  const void *weight;
  // Each may be null: then it is not wanted.
  u8 *y;
  u8 *scale;
  void *normed;
  void *sums;
  Groups groups;
  QuantRule rule;
  u32 source;
  u32 weight_source;
  u32 weight_plus_one;
  // Of sums: drop the low half.
  u32 truncate;
  f32 epsilon;
  // Lanes of eight elements that share a scale, a power of two up to 64; 0: the whole row. For rows in registers.
  u32 lanes;
};

// Correctly rounded from the sum on: f32 division and root are IEEE's.
DEVICE f32 inverse_root(const NormQuantArgs &a, f32 sum_of_squares) {
  return 1.0f / __builtin_sqrtf(sum_of_squares / (f32)a.groups.columns + a.epsilon);
}

// Rows of whole eights stay in registers: chunk c of a thread begins at element (c * threads + thread) * 8.
template <typename Source, i32 threads, i32 chunks>
DEVICE void norm_row(const NormQuantArgs &a, LDS(f32) * sum_places, LDS(u32) * amax_places) {
  constexpr u32 KIND = KIND_OF<Source>;
  const u32 columns = a.groups.columns;
  const u32 row = (u32)group_x();
  const u64 origin = (u64)row * columns;
  const u32 row_bytes = columns * sizeof(Source);
  // What lies behind the row reads as zeros, and is not written.
  const Buffer x = make_buffer((const Source *)a.x + origin, row_bytes);
  const auto first = [](i32 chunk) { return (u32)(chunk * threads + thread_x()) * 8; };

  RawEight raw[chunks];
  f32x8 values[chunks];
  UNROLL for (i32 c = 0; c < chunks; c++) raw[c] = load_raw<Source>(x, first(c));
  if (a.residual != nullptr) {
    const Buffer residual = make_buffer((const Source *)a.residual + origin, row_bytes);
    RawEight added[chunks];
    UNROLL for (i32 c = 0; c < chunks; c++) added[c] = load_raw<Source>(residual, first(c));
    UNROLL for (i32 c = 0; c < chunks; c++) {
      values[c] = widen<KIND>(raw[c]);
      values[c] += widen<KIND>(added[c]);
      if (a.sums != nullptr) raw[c] = narrow<Source>(values[c], a.truncate != 0);
    }
  } else {
    UNROLL for (i32 c = 0; c < chunks; c++) values[c] = widen<KIND>(raw[c]);
  }
  if (a.sums != nullptr) {
    const Buffer sums = make_buffer((Source *)a.sums + origin, row_bytes);
    UNROLL for (i32 c = 0; c < chunks; c++) store_raw<Source>(sums, first(c), raw[c]);
  }

  // Weights are on their way while the squares are added.
  const Buffer weights = make_buffer(a.weight, columns * bytes_of_kind(a.weight_source));
  RawEight raw_weights[chunks];
  UNROLL for (i32 c = 0; c < chunks; c++) raw_weights[c] = load_raw(weights, first(c), a.weight_source);
  f32 squares = 0;
  UNROLL for (i32 c = 0; c < chunks; c++) {
    UNROLL for (i32 i = 0; i < 8; i++) squares = __builtin_fmaf(values[c][i], values[c][i], squares);
  }
  const f32 inverse = inverse_root(a, reduce_workgroup<Sum, threads>(squares, sum_places));
  UNROLL for (i32 c = 0; c < chunks; c++) {
    f32x8 weight = widen(raw_weights[c], a.weight_source);
    if (a.weight_plus_one != 0) weight += 1.0f;
    values[c] = values[c] * inverse * weight;
  }
  if (a.normed != nullptr) {
    const Buffer normed = make_buffer((Source *)a.normed + origin, row_bytes);
    UNROLL for (i32 c = 0; c < chunks; c++) store_raw<Source>(normed, first(c), narrow<Source>(values[c]));
  }
  if (a.y == nullptr) return;

  u32 amax[chunks];
  u32 largest = 0;
  UNROLL for (i32 c = 0; c < chunks; c++) {
    // An infinite inverse makes NaNs of the zeros behind the row.
    amax[c] = first(c) < columns ? magnitude_of_8(a.rule, values[c]) : 0;
    largest = Max::of(largest, amax[c]);
  }
  if (a.lanes == 0) {
    largest = reduce_workgroup<Max, threads>(largest, amax_places);
    UNROLL for (i32 c = 0; c < chunks; c++) amax[c] = largest;
  } else {
    UNROLL for (i32 c = 0; c < chunks; c++) amax[c] = max_over_lanes(amax[c], a.lanes);
  }
  const Buffer codes = make_buffer(a.y + origin, columns);
  UNROLL for (i32 c = 0; c < chunks; c++) {
    const BlockScale scale = scale_of(a.rule, amax[c]);
    const u32 element = first(c);
    if (element < columns && element % a.groups.group == 0) {
      store_scale(a.rule, a.scale, place_of(a.groups, row, a.lanes == 0 ? 0 : element / 8 / a.lanes), scale);
    }
    buffer_store(codes, codes_of_8_limited(a.rule, values[c], amax[c], scale.step), element);
  }
}

#define NORM_ROW(name, Source, threads, chunks) \
  PRESHUFFLE_KERNEL(name, NormQuantArgs, threads) { \
    SHARED(f32, sums, threads / 64); \
    SHARED(u32, largest, threads / 64); \
    norm_row<Source, threads, chunks>(a, (LDS(f32) *)sums, (LDS(u32) *)largest); \
  }

// Rows of up to 512, 2048, 4096, 8192 and 16384 elements.
#define NORM_ROWS(type) \
  NORM_ROW(norm_##type##_512, type, 64, 1) \
  NORM_ROW(norm_##type##_2048, type, 256, 1) \
  NORM_ROW(norm_##type##_4096, type, 256, 2) \
  NORM_ROW(norm_##type##_8192, type, 256, 4) \
  NORM_ROW(norm_##type##_16384, type, 1024, 2)

NORM_ROWS(f32)
NORM_ROWS(bf16)
NORM_ROWS(f16)

// Any row and any group: reads the row up to three times, one element a lane.
PRESHUFFLE_KERNEL(norm_any, NormQuantArgs, 256) {
  SHARED(f32, sum_places, 4);
  SHARED(u32, amax_places, 16);
  const u32 row = (u32)group_x();
  const u64 origin = (u64)row * a.groups.columns;
  const auto sum_at = [&](u32 column) {
    const f32 value = load_one(a.x, origin + column, a.source);
    return a.residual == nullptr ? value : value + load_one(a.residual, origin + column, a.source);
  };
  f32 squares = 0;
  for (u32 column = (u32)thread_x(); column < a.groups.columns; column += 256) {
    const f32 value = sum_at(column);
    squares = __builtin_fmaf(value, value, squares);
    if (a.sums != nullptr) store_one(a.sums, origin + column, a.source, value, a.truncate != 0);
  }
  const f32 inverse = inverse_root(a, reduce_workgroup<Sum, 256>(squares, (LDS(f32) *)sum_places));
  const auto normed_at = [&](u32 column) {
    const f32 weight = load_one(a.weight, column, a.weight_source);
    return sum_at(column) * inverse * (a.weight_plus_one != 0 ? weight + 1.0f : weight);
  };
  if (a.normed != nullptr) {
    for (u32 column = (u32)thread_x(); column < a.groups.columns; column += 256) {
      store_one(a.normed, origin + column, a.source, normed_at(column));
    }
  }
  if (a.y != nullptr) quantise_any_row<256>(a.groups, a.rule, row, a.y, a.scale, (LDS(u32) *)amax_places, normed_at);
}
