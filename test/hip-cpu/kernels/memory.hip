// Buffers with bounds, copies into LDS, and atomics.
#include "lib/gfx.h"

struct BufferArgs {
  const u8 *x;
  u8 *y;
  // Bytes that the descriptors admit.
  u32 bytes;
  // Added to every offset; the second one beside the bounds check.
  u32 shift;
  u32 uniform_shift;
};

// Each lane moves one value from x to the same place in y.
template <typename Value> DEVICE void move(const BufferArgs &a) {
  const Buffer x = make_buffer(a.x, a.bytes);
  const Buffer y = make_buffer(a.y, a.bytes);
  const u32 offset = thread_x() * sizeof(Value);
  buffer_store(y, buffer_load<Value>(x, offset + a.shift, a.uniform_shift), offset);
}
PRESHUFFLE_KERNEL(move_8, BufferArgs, 64) { move<u8>(a); }
PRESHUFFLE_KERNEL(move_16, BufferArgs, 64) { move<u16>(a); }
PRESHUFFLE_KERNEL(move_32, BufferArgs, 64) { move<f32>(a); }
PRESHUFFLE_KERNEL(move_64, BufferArgs, 64) { move<u32x2>(a); }
PRESHUFFLE_KERNEL(move_128, BufferArgs, 64) { move<i32x4>(a); }

// Copies through LDS; the lanes take their bytes from mirrored places, and another wave's part is read.
template <i32 bytes, typename Value> DEVICE void mirror(const BufferArgs &a, u8 *staged) {
  const i32 wave = wave_number();
  copy_to_lds<bytes>(make_buffer(a.x, a.bytes), (LDS(u8) *)staged + wave * 64 * bytes, (255 - thread_x()) * bytes);
  wait_memory<0>();
  meet();
  const i32 from = (thread_x() + 64) & 255;
  ((Value *)a.y)[thread_x()] = ((const Value *)staged)[from];
}
PRESHUFFLE_KERNEL(mirror_4, BufferArgs, 256) {
  SHARED(u8, staged, 256 * 4);
  mirror<4, u32>(a, staged);
}
PRESHUFFLE_KERNEL(mirror_16, BufferArgs, 256) {
  SHARED(u8, staged, 256 * 16);
  mirror<16, u32x4>(a, staged);
}

// A pipeline over `bytes / 1024` tiles of 1024 bytes: each wave fetches its quarter of the next tile while all add up this one.
// What is left out in the wrong ones is named in the template.
enum class Missing { nothing, wait, barrier_after_wait, one_outstanding };
template <Missing missing> DEVICE void pipeline(const BufferArgs &a, u8 *first, u8 *second) {
  const Buffer x = make_buffer(a.x, a.bytes);
  const i32 wave = wave_number();
  const u32 tiles = a.bytes / 1024;
  const auto fetch = [&](u8 *stage, u32 tile) {
    copy_to_lds<4>(x, (LDS(u8) *)stage + wave * 256, tile * 1024 + thread_x() * 4);
  };
  u32 sum = 0;
  fetch(first, 0);
  fetch(second, 1);
  for (u32 tile = 0; tile < tiles; tile++) {
    u8 *stage = tile % 2 ? second : first;
    // The fetch for the tile after this one may stay on its way.
    if constexpr (missing == Missing::barrier_after_wait) meet();
    if constexpr (missing == Missing::one_outstanding) wait_memory<2>();
    else if constexpr (missing != Missing::wait) wait_memory<1>();
    if constexpr (missing != Missing::barrier_after_wait) meet();
    sum += ((const u32 *)stage)[(thread_x() + 64) & 255];
    // Nobody reads this stage any more.
    barrier();
    fetch(stage, tile + 2);
  }
  ((u32 *)a.y)[thread_x()] = sum;
}
#define PIPELINE(name, missing) \
  PRESHUFFLE_KERNEL(name, BufferArgs, 256) { \
    SHARED(u8, first, 1024); \
    SHARED(u8, second, 1024); \
    pipeline<missing>(a, first, second); \
  }
PIPELINE(pipeline_right, Missing::nothing)
PIPELINE(pipeline_without_wait, Missing::wait)
PIPELINE(pipeline_barrier_too_early, Missing::barrier_after_wait)
PIPELINE(pipeline_waits_for_too_few, Missing::one_outstanding)

// Loads to registers count among the outstanding operations: the copy before them is waited for by leaving two.
PRESHUFFLE_KERNEL(counts_loads, BufferArgs, 64) {
  SHARED(u32, staged, 64);
  const Buffer x = make_buffer(a.x, a.bytes);
  copy_to_lds<4>(x, (LDS(u32) *)staged, thread_x() * 4);
  const u32 one = buffer_load<u32>(x, thread_x() * 4);
  const u32 two = buffer_load<u32>(x, thread_x() * 4 + 256);
  wait_memory<2>();
  ((u32 *)a.y)[thread_x()] = staged[thread_x()] + (one ^ one) + (two ^ two);
}

PRESHUFFLE_KERNEL(lds_address_by_lane, BufferArgs, 64) {
  SHARED(u32, staged, 256);
  copy_to_lds<4>(make_buffer(a.x, a.bytes), (LDS(u32) *)staged + thread_x() * 4, thread_x() * 4);
  wait_memory<0>();
  ((u32 *)a.y)[thread_x()] = staged[thread_x()];
}

struct AtomicArgs {
  // counter, greatest, bits, tries
  u32 *words;
  f32 *sum;
  bf16x2 *pair;
  // Old values of the counter, one for each thread.
  u32 *before;
};
PRESHUFFLE_KERNEL(atomics, AtomicArgs, 128) {
  const u32 thread = group_x() * 128 + thread_x();
  a.before[thread] = atomic_add(&a.words[0], 1u);
  atomic_max(&a.words[1], thread * 7 % 1000);
  atomic_or(&a.words[2], 1u << (thread % 31));
  for (u32 seen = atomic_add(&a.words[3], 0u);;) {
    const u32 old = atomic_compare_exchange(&a.words[3], seen, seen + 3);
    if (old == seen) break;
    seen = old;
  }
  atomic_add(a.sum, 0.5f);
  // A sum of at most 256, so that bf16 has it exactly.
  if (thread_x() % 8 == 0) atomic_add(a.pair, bf16x2{(bf16)1.0f, (bf16)-2.0f});
}
