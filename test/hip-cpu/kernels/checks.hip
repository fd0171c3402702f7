// What the runtime finds out about kernels that do what the device cannot, or what only works by luck.
#include "lib/gfx.h"

struct OutArgs {
  u32 *y;
  u32 n;
};

PRESHUFFLE_KERNEL(part_of_wave, OutArgs, 128) {
  u32 value = thread_x();
  if (thread_x() != 64 + 5) value = read_first_lane(value);
  a.y[thread_x()] = value;
}

PRESHUFFLE_KERNEL(two_places, OutArgs, 64) {
  u32 value = thread_x();
  if (lane_number() < 32) value = read_first_lane(value);
  else value = from_lane(value, 3);
  a.y[thread_x()] = value;
}

PRESHUFFLE_KERNEL(part_at_barrier, OutArgs, 64) {
  if (lane_number() >= 40) return;
  barrier();
  a.y[thread_x()] = 1;
}

// Whole waves may take different ways, and end.
PRESHUFFLE_KERNEL(waves_apart, OutArgs, 256) {
  if (wave_number() == 1) return;
  u32 value = wave_number() == 2 ? read_first_lane((u32)thread_x()) : (u32)thread_x();
  barrier();
  a.y[thread_x()] = value;
}

// n words behind the start.
PRESHUFFLE_KERNEL(store_at, OutArgs, 64) {
  if (lane_number() == 9 && group_x() == 2) a.y[a.n] = 1;
}

PRESHUFFLE_KERNEL(load_at, OutArgs, 64) {
  if (lane_number() == 3) a.y[0] = a.y[(i64)(i32)a.n];
}

// LDS that nobody wrote.
PRESHUFFLE_KERNEL(fresh_lds, OutArgs, 64) {
  SHARED(u32, first, 64);
  SHARED(u32, second, 64);
  a.y[group_x() * 128 + thread_x()] = first[thread_x()];
  a.y[group_x() * 128 + 64 + thread_x()] = second[thread_x()];
  first[thread_x()] = 1;
  second[thread_x()] = 2;
}

PRESHUFFLE_KERNEL(lds_behind, OutArgs, 64) {
  SHARED(u32, words, 64);
  words[thread_x() + a.n] = 1;
  barrier();
  a.y[thread_x()] = words[63 - thread_x()];
}

PRESHUFFLE_KERNEL(lds_too_much, OutArgs, 64) {
  SHARED(u8, bytes, 160 * 1024 + 16);
  bytes[thread_x()] = 1;
  a.y[thread_x()] = bytes[thread_x()];
}

PRESHUFFLE_KERNEL(by_zero, OutArgs, 64) { a.y[thread_x()] = 7 / a.n; }

// For the CPU alone: the device kernels of this package never call.
static __attribute__((noinline)) u32 deeper(volatile u32 *at, u32 depth) {
  volatile u8 local[1024] = {};
  local[depth % 1024] = 1;
  return depth == 0 ? *at : deeper(at, depth - 1) + local[depth % 1024];
}
PRESHUFFLE_KERNEL(deep, OutArgs, 64) { a.y[thread_x()] = deeper(a.y + thread_x(), a.n); }

// When each wave, and when each workgroup came first.
struct OrderArgs {
  u32 *waves;
  u32 *groups;
  u32 *ticket;
};
PRESHUFFLE_KERNEL(order, OrderArgs, 256) {
  if (lane_number() != 0) return;
  const u32 turn = atomic_add(a.ticket, 1u);
  a.waves[group_x() * 4 + (thread_x() >> 6)] = turn;
  if (thread_x() == 0) a.groups[group_x()] = turn;
}

// The waves pass a word on through LDS; without the barrier the result depends on their order.
struct RelayArgs {
  u32 *y;
};
template <bool with_barrier> DEVICE void relay(const RelayArgs &a, u32 *words) {
  const u32 wave = (u32)thread_x() >> 6;
  words[thread_x()] = wave * 10;
  if constexpr (with_barrier) barrier();
  a.y[thread_x()] = words[(thread_x() + 64) & 255];
}
PRESHUFFLE_KERNEL(relay_with_barrier, RelayArgs, 256) {
  SHARED(u32, words, 256);
  relay<true>(a, words);
}
PRESHUFFLE_KERNEL(relay_without_barrier, RelayArgs, 256) {
  SHARED(u32, words, 256);
  relay<false>(a, words);
}

// LDS of the launch lies behind that of the kernel, and ends where the launch says.
PRESHUFFLE_KERNEL(dynamic_lds, OutArgs, 64) {
  SHARED(u32, fixed, 64);
  DYNAMIC_SHARED(u32, flexible);
  const u32 before = flexible[thread_x()];
  fixed[thread_x()] = 1;
  flexible[thread_x() + a.n] = 2 + before;
  barrier();
  a.y[thread_x()] = fixed[63 - thread_x()];
  a.y[64 + thread_x()] = flexible[63 - thread_x()];
}

// Registers that nobody wrote.
PRESHUFFLE_KERNEL(unwritten, OutArgs, 64) {
  f32 values[4];
  if (a.n == 1) values[2] = 1.0f;
  a.y[thread_x()] = bits_as<u32>((f32)values[a.n & 3]);
}

// Copies into LDS belong to the whole wave.
PRESHUFFLE_KERNEL(part_copies, OutArgs, 64) {
  SHARED(u32, staged, 64);
  const Buffer from = make_buffer(a.y, 256);
  if (lane_number() < 32) copy_to_lds<4>(from, (LDS(u32) *)staged, thread_x() * 4);
  wait_memory<0>();
  a.y[thread_x()] = staged[thread_x()];
}
PRESHUFFLE_KERNEL(other_part_copies, OutArgs, 64) {
  SHARED(u32, staged, 64);
  const Buffer from = make_buffer(a.y, 256);
  if (lane_number() >= 32) copy_to_lds<4>(from, (LDS(u32) *)staged, thread_x() * 4);
  wait_memory<0>();
  a.y[thread_x()] = staged[thread_x()];
}
