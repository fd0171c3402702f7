// Values from other lanes of the wave. All 64 lanes must come to each of these together.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/wave.h"
#endif

// Lane 0's value, which the compiler then keeps in a scalar register.
template <typename Word> DEVICE Word read_first_lane(Word value) {
  return bits_as<Word>(AMDGCN(readfirstlane)(bits_as<i32>(value)));
}
// The value of a lane that is the same for the whole wave.
template <typename Word> DEVICE Word read_lane(Word value, i32 lane) {
  return bits_as<Word>(AMDGCN(readlane)(bits_as<i32>(value), lane));
}
// The value of any lane.
template <typename Word> DEVICE Word from_lane(Word value, i32 lane) {
  return bits_as<Word>(AMDGCN(ds_bpermute)(lane * 4, bits_as<i32>(value)));
}

// Which wave of the workgroup this is, known to be the same for all its lanes.
DEVICE i32 wave_number() { return read_first_lane(thread_x() >> 6); }

// One bit a lane.
DEVICE u64 ballot(bool condition) { return AMDGCN(ballot_w64)(condition); }

// Fixed patterns without a trip through LDS (data parallel primitives).
constexpr i32 quad_pattern(i32 a, i32 b, i32 c, i32 d) { return a | b << 2 | c << 4 | d << 6; }
constexpr i32 SWAP_PAIRS = quad_pattern(1, 0, 3, 2);
constexpr i32 SWAP_HALVES_OF_4 = quad_pattern(2, 3, 0, 1);
// Lane i of 16 (of 8) gets that of 15 - i (7 - i).
constexpr i32 MIRROR_16 = 0x140;
constexpr i32 MIRROR_8 = 0x141;
template <i32 pattern, typename Word> DEVICE Word dpp(Word value) {
  return bits_as<Word>(AMDGCN(update_dpp)(0, bits_as<i32>(value), pattern, 15, 15, true));
}

// {a of an even group, b's even group} and {a of an odd group, ...}: the odd groups of 16 (32) lanes of `a` change places with
// the even groups of `b`. Only gfx950 has the instructions.
struct Swapped {
  u32 a;
  u32 b;
};
#if !defined(__gfx942__)
DEVICE Swapped swap_groups_of_16(u32 a, u32 b) {
  const auto both = AMDGCN(permlane16_swap)(a, b, false, false);
  return {both[0], both[1]};
}
DEVICE Swapped swap_groups_of_32(u32 a, u32 b) {
  const auto both = AMDGCN(permlane32_swap)(a, b, false, false);
  return {both[0], both[1]};
}
#endif

struct Sum {
  DEVICE f32 of(f32 a, f32 b) { return a + b; }
  DEVICE i32 of(i32 a, i32 b) { return a + b; }
  DEVICE u32 of(u32 a, u32 b) { return a + b; }
};
// Of numbers: a NaN loses against a number.
struct Max {
  DEVICE f32 of(f32 a, f32 b) { return __builtin_fmaxf(a, b); }
  DEVICE i32 of(i32 a, i32 b) { return a > b ? a : b; }
  DEVICE u32 of(u32 a, u32 b) { return a > b ? a : b; }
};

// All lanes of a group of `lanes` (2, 4, 8, 16, 32, 64) get the same: pairs first, then pairs of pairs and so on.
template <typename Operation, i32 lanes, typename Word> DEVICE Word reduce(Word value) {
  if constexpr (lanes >= 2) value = Operation::of(value, dpp<SWAP_PAIRS>(value));
  if constexpr (lanes >= 4) value = Operation::of(value, dpp<SWAP_HALVES_OF_4>(value));
  if constexpr (lanes >= 8) value = Operation::of(value, dpp<MIRROR_8>(value));
  if constexpr (lanes >= 16) value = Operation::of(value, dpp<MIRROR_16>(value));
#if defined(__gfx942__)
  if constexpr (lanes >= 32) value = Operation::of(value, from_lane(value, lane_number() ^ 16));
  if constexpr (lanes >= 64) value = Operation::of(value, from_lane(value, lane_number() ^ 32));
#else
  if constexpr (lanes >= 32) {
    const Swapped pair = swap_groups_of_16(bits_as<u32>(value), bits_as<u32>(value));
    value = Operation::of(bits_as<Word>(pair.a), bits_as<Word>(pair.b));
  }
  if constexpr (lanes >= 64) {
    const Swapped pair = swap_groups_of_32(bits_as<u32>(value), bits_as<u32>(value));
    value = Operation::of(bits_as<Word>(pair.a), bits_as<Word>(pair.b));
  }
#endif
  return value;
}
template <i32 lanes, typename Word> DEVICE Word sum_of_lanes(Word value) { return reduce<Sum, lanes>(value); }
template <i32 lanes, typename Word> DEVICE Word max_of_lanes(Word value) { return reduce<Max, lanes>(value); }
