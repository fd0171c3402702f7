// Quantisers: the scale of every block of a matrix and the codes of its elements, in one pass over memory.
//
//   quant_groups   blocks of 8 to 512 neighbours in a row: 1 to 64 lanes each, eight elements a lane
//   quant_blocks   any blocks whose rows are whole eights: a wave or a workgroup each (rows, 128x128 weight blocks)
//   quant_ragged   any other blocks
//   tensor_amax, quant_tensor   one block for the whole tensor
//   scale_each     the scale alone, of numbers that are largest magnitudes already
#include "lib/gfx.h"
#include "lib/quant-source.h"
#include "lib/quant.h"

constexpr int THREADS = 256;

struct QuantArgs {
  const u8 *x;
  // Of SourceWeight: one scale a block, row-major.
  const f32 *x_scale;
  u8 *y;
  u8 *scale;
  // Of one matrix; group_y tells which, and they lie one after another.
  u32 rows;
  u32 columns;
  u32 block_rows;
  u32 block_columns;
  // Blocks side by side, and blocks of a matrix.
  u32 across;
  u32 blocks;
  // Lanes of a block: a power of two up to 64 in quant_groups, otherwise 64 or THREADS.
  u32 lanes;
  // Elements of `scale` between neighbouring blocks: one below, one to the right.
  u32 scale_down;
  u32 scale_right;
  QuantRule rule;
};

struct TensorArgs {
  const u8 *x;
  // Bits of the largest magnitude; zero before tensor_amax.
  u32 *amax;
  u8 *y;
  u8 *scale;
  u32 count;
  // Workgroups of tensor_amax.
  u32 groups;
  QuantRule rule;
};

DEVICE u64 scale_place(const QuantArgs &a, u32 block) {
  const u64 first = (u64)group_y() * a.blocks;
  if (a.scale_right == 1 && a.scale_down == a.across) return first + block;
  const u32 down = block / a.across;
  return first + (u64)down * a.scale_down + (u64)(block - down * a.across) * a.scale_right;
}

// Groups follow each other without gaps, so that eights can be counted through the whole matrix.
template <typename Source> DEVICE void groups_of(const QuantArgs &a) {
  const u32 unit = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 group = unit >> __builtin_ctz(a.lanes);
  const bool there = group < a.blocks;
  typename Source::Raw raw = {};
  if (there) raw = Source::load_8(a.x, unit);
  const f32x8 values = Source::values(raw, 0);
  const u32 largest = max_over_lanes(magnitude_of_8(a.rule, values), a.lanes);
  if (!there) return;
  const BlockScale scale = scale_of(a.rule, largest);
  store_codes_of_8(a.rule, a.y, unit, codes_of_8(a.rule, values, largest, scale.step));
  if ((unit & (a.lanes - 1)) == 0) store_scale(a.rule, a.scale, scale_place(a, group), scale);
}

// One block, cut off at the edges of the matrix.
struct Block {
  u32 number;
  // Place of its first element.
  u64 first;
  u32 width;
  // Units of it, and in a row of it; none where there is no block.
  u32 units;
  u32 units_across;
  // Its threads, and which of them this is.
  u32 threads;
  u32 thread;
};

DEVICE Block block_of(const QuantArgs &a, u32 unit_size) {
  Block block;
  const bool whole = a.lanes == THREADS;
  block.threads = a.lanes;
  block.thread = (u32)(whole ? thread_x() : lane_number());
  block.number = whole ? (u32)group_x() : (u32)group_x() * (THREADS / 64) + (u32)wave_number();
  const u32 down = block.number / a.across;
  const u32 top = down * a.block_rows;
  const u32 left = (block.number - down * a.across) * a.block_columns;
  block.first = ((u64)group_y() * a.rows + top) * a.columns + left;
  block.width = lesser(a.block_columns, a.columns - left);
  block.units_across = (block.width + unit_size - 1) / unit_size;
  block.units = block.number < a.blocks ? block.units_across * lesser(a.block_rows, a.rows - top) : 0;
  return block;
}

DEVICE f32 source_scale(const QuantArgs &a, const Block &block) {
  return a.x_scale == nullptr || block.units == 0 ? 0 : a.x_scale[(u64)group_y() * a.blocks + block.number];
}

// Where a unit begins.
struct Place {
  u64 element;
  u32 column;
};

DEVICE Place place_of(const QuantArgs &a, const Block &block, u32 unit, u32 unit_size) {
  const u32 row = unit / block.units_across;
  const u32 column = (unit - row * block.units_across) * unit_size;
  return {block.first + (u64)row * a.columns + column, column};
}

// Over all threads of the block. `shared` has a word a wave.
DEVICE u32 max_over_block(const Block &block, u32 value, u32 *shared) {
  const u32 largest = max_of_lanes<64>(value);
  if (block.threads == 64) return largest;
  if (lane_number() == 0) shared[thread_x() / 64] = largest;
  barrier();
  return greater(greater(shared[0], shared[1]), greater(shared[2], shared[3]));
}

// Weights go the long way always: with both ways in one kernel the compiler runs out of scalar registers.
template <typename Source> DEVICE u32x2 block_codes(const QuantRule &rule, f32x8 values, u32 largest, f32 step) {
  if constexpr (Source::KEPT > 1) return codes_of_8(rule, values, largest, step);
  else return codes_of_8(rule, values, step);
}

template <typename Source> DEVICE void blocks_of(const QuantArgs &a, u32 *shared) {
  constexpr u32 KEPT = Source::KEPT;
  const Block block = block_of(a, 8);
  const f32 x_scale = source_scale(a, block);
  typename Source::Raw kept[KEPT];
  u32 largest = 0;
  UNROLL for (u32 i = 0; i < KEPT; i++) {
    const u32 unit = block.thread + i * block.threads;
    if (unit < block.units) kept[i] = Source::load_8(a.x, place_of(a, block, unit, 8).element / 8);
  }
  UNROLL for (u32 i = 0; i < KEPT; i++) {
    const u32 unit = block.thread + i * block.threads;
    if (unit < block.units) largest = greater(largest, magnitude_of_8(a.rule, Source::values(kept[i], x_scale)));
  }
  for (u32 unit = block.thread + KEPT * block.threads; unit < block.units; unit += block.threads) {
    const typename Source::Raw raw = Source::load_8(a.x, place_of(a, block, unit, 8).element / 8);
    largest = greater(largest, magnitude_of_8(a.rule, Source::values(raw, x_scale)));
  }
  largest = max_over_block(block, largest, shared);
  if (block.units == 0) return;
  const BlockScale scale = scale_of(a.rule, largest);
  if (block.thread == 0) store_scale(a.rule, a.scale, scale_place(a, block.number), scale);
  UNROLL for (u32 i = 0; i < KEPT; i++) {
    const u32 unit = block.thread + i * block.threads;
    if (unit >= block.units) continue;
    const u32x2 codes = block_codes<Source>(a.rule, Source::values(kept[i], x_scale), largest, scale.step);
    store_codes_of_8(a.rule, a.y, place_of(a, block, unit, 8).element / 8, codes);
  }
  for (u32 unit = block.thread + KEPT * block.threads; unit < block.units; unit += block.threads) {
    const u64 at = place_of(a, block, unit, 8).element / 8;
    const f32x8 values = Source::values(Source::load_8(a.x, at), x_scale);
    store_codes_of_8(a.rule, a.y, at, block_codes<Source>(a.rule, values, largest, scale.step));
  }
}

// Two elements at a time: a whole byte of fp4. The second one is missing at the end of an odd row, of fp8 only.
template <typename Source> DEVICE void ragged_of(const QuantArgs &a, u32 *shared) {
  const Block block = block_of(a, 2);
  const f32 x_scale = source_scale(a, block);
  u32 largest = 0;
  for (u32 unit = block.thread; unit < block.units; unit += block.threads) {
    const Place place = place_of(a, block, unit, 2);
    largest = greater(largest, magnitude_of(a.rule, Source::one(a.x, place.element, x_scale)));
    if (place.column + 1 == block.width) continue;
    largest = greater(largest, magnitude_of(a.rule, Source::one(a.x, place.element + 1, x_scale)));
  }
  largest = max_over_block(block, largest, shared);
  if (block.units == 0) return;
  const BlockScale scale = scale_of(a.rule, largest);
  if (block.thread == 0) store_scale(a.rule, a.scale, scale_place(a, block.number), scale);
  for (u32 unit = block.thread; unit < block.units; unit += block.threads) {
    const Place place = place_of(a, block, unit, 2);
    const bool pair = place.column + 1 < block.width;
    const u32 first = code_of(a.rule, Source::one(a.x, place.element, x_scale), scale.step);
    const u32 second = pair ? code_of(a.rule, Source::one(a.x, place.element + 1, x_scale), scale.step) : 0;
    if (a.rule.format.width == 4) {
      a.y[place.element / 2] = (u8)(first | second << 4);
    } else {
      a.y[place.element] = (u8)first;
      if (pair) a.y[place.element + 1] = (u8)second;
    }
  }
}

// The grid is at most so large that every workgroup has a few rounds: each ends in one atomic operation.
template <typename Source> DEVICE void tensor_amax_of(const TensorArgs &a, u32 *shared) {
  const u32 threads = a.groups * THREADS;
  const u32 thread = (u32)group_x() * THREADS + (u32)thread_x();
  u32 largest = 0;
  for (u64 unit = thread; unit < a.count / 8; unit += threads) {
    largest = greater(largest, magnitude_of_8(a.rule, Source::values(Source::load_8(a.x, unit), 0)));
  }
  const u32 rest = a.count % 8;
  if (thread < rest) largest = greater(largest, magnitude_of(a.rule, Source::one(a.x, a.count - rest + thread, 0)));
  largest = max_of_lanes<64>(largest);
  if (lane_number() == 0) shared[thread_x() / 64] = largest;
  barrier();
  if (thread_x() != 0) return;
  largest = greater(greater(shared[0], shared[1]), greater(shared[2], shared[3]));
  __scoped_atomic_fetch_max(a.amax, largest, __ATOMIC_RELAXED, __MEMORY_SCOPE_DEVICE);
}

template <typename Source> DEVICE void tensor_of(const TensorArgs &a) {
  const u32 unit = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 largest = a.amax[0];
  const BlockScale scale = scale_of(a.rule, largest);
  if (unit == 0) store_scale(a.rule, a.scale, 0, scale);
  if (unit < a.count / 8) {
    const f32x8 values = Source::values(Source::load_8(a.x, unit), 0);
    store_codes_of_8(a.rule, a.y, unit, codes_of_8(a.rule, values, largest, scale.step));
  } else if (unit == a.count / 8) {
    // fp8 only: nothing quantises a whole tensor to fp4.
    for (u32 at = unit * 8; at < a.count; at++) a.y[at] = (u8)code_of(a.rule, Source::one(a.x, at, 0), scale.step);
  }
}

template <typename Source> DEVICE void scale_each_of(const TensorArgs &a) {
  const u32 at = (u32)group_x() * THREADS + (u32)thread_x();
  if (at >= a.count) return;
  store_scale(a.rule, a.scale, at, scale_of(a.rule, magnitude_of(a.rule, Source::one(a.x, at, 0))));
}

#define BLOCK_KERNELS(name, Source) \
  PRESHUFFLE_KERNEL_WAVES(quant_blocks_##name, QuantArgs, THREADS, 4) { \
    SHARED(u32, shared, THREADS / 64); \
    blocks_of<Source>(a, shared); \
  } \
  PRESHUFFLE_KERNEL(quant_ragged_##name, QuantArgs, THREADS) { \
    SHARED(u32, shared, THREADS / 64); \
    ragged_of<Source>(a, shared); \
  }

#define FLOAT_KERNELS(name, Source) \
  BLOCK_KERNELS(name, Source) \
  PRESHUFFLE_KERNEL(quant_groups_##name, QuantArgs, THREADS) { groups_of<Source>(a); } \
  PRESHUFFLE_KERNEL(tensor_amax_##name, TensorArgs, THREADS) { \
    SHARED(u32, shared, THREADS / 64); \
    tensor_amax_of<Source>(a, shared); \
  } \
  PRESHUFFLE_KERNEL(quant_tensor_##name, TensorArgs, THREADS) { tensor_of<Source>(a); } \
  PRESHUFFLE_KERNEL(scale_each_##name, TensorArgs, THREADS) { scale_each_of<Source>(a); }

FLOAT_KERNELS(f32, SourceF32)
FLOAT_KERNELS(bf16, SourceBf16)
FLOAT_KERNELS(f16, SourceF16)
BLOCK_KERNELS(weight, SourceWeight)
