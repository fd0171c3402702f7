// Builtins that move values between the lanes of a wave.
#pragma once
#include "kernel.h"

namespace amdgcn {

/** A value of each lane, and what it gets for it. */
struct Exchange {
  uint32_t value;
  uint32_t result;
  /** For some operations: a lane. */
  int32_t selector;
};

/** Result of the swaps: what became of the first and of the second value. */
typedef unsigned Pair __attribute__((ext_vector_type(2)));

inline Exchange &exchange_of(void *const *operands, unsigned lane) { return *static_cast<Exchange *>(operands[lane]); }

inline constexpr preshuffle_cpu::WaveOperation READ_FIRST_LANE = {"readfirstlane", [](void *const *operands) {
  for (unsigned lane = 0; lane < 64; lane++) exchange_of(operands, lane).result = exchange_of(operands, 0).value;
}};

inline constexpr preshuffle_cpu::WaveOperation READ_LANE = {"readlane", [](void *const *operands) {
  for (unsigned lane = 0; lane < 64; lane++) {
    Exchange &exchange = exchange_of(operands, lane);
    exchange.result = exchange_of(operands, exchange.selector & 63).value;
  }
}};

inline int readfirstlane(int value) {
  Exchange exchange = {(uint32_t)value, 0, 0};
  wave(READ_FIRST_LANE, exchange);
  return (int)exchange.result;
}

inline int readlane(int value, int lane) {
  Exchange exchange = {(uint32_t)value, 0, lane};
  wave(READ_LANE, exchange);
  return (int)exchange.result;
}

/** @param address four times the lane to read */
inline int ds_bpermute(int address, int value) {
  Exchange exchange = {(uint32_t)value, 0, address >> 2};
  wave(READ_LANE, exchange);
  return (int)exchange.result;
}

inline constexpr preshuffle_cpu::WaveOperation BALLOT = {"ballot", [](void *const *operands) {
  uint64_t mask = 0;
  for (unsigned lane = 0; lane < 64; lane++) mask |= (uint64_t)*static_cast<uint64_t *>(operands[lane]) << lane;
  for (unsigned lane = 0; lane < 64; lane++) *static_cast<uint64_t *>(operands[lane]) = mask;
}};

inline uint64_t ballot_w64(bool condition) {
  uint64_t mask = condition;
  wave(BALLOT, mask);
  return mask;
}

struct Dpp {
  Exchange exchange;
  int control;
};

/** The lane that DPP reads for a lane, or -1 where there is none. */
inline int dpp_source(int control, int lane) {
  const int row = lane & ~15;
  const int place = lane & 15;
  const int shift = control & 15;
  if (control < 0x100) return (lane & ~3) | ((control >> (2 * (lane & 3))) & 3);
  if (control > 0x100 && control < 0x110) return place + shift < 16 ? lane + shift : -1;
  if (control > 0x110 && control < 0x120) return place - shift >= 0 ? lane - shift : -1;
  if (control > 0x120 && control < 0x130) return row | ((place - shift) & 15);
  if (control == 0x140) return row | (15 - place);
  if (control == 0x141) return (lane & ~7) | (7 - (lane & 7));
  if (control == 0x142) return row == 0 ? -1 : row - 1;
  if (control == 0x143) return lane < 32 ? -1 : 31;
  if (control >= 0x150 && control < 0x160) return row | shift;
  preshuffle_cpu_fail("uses a DPP control that the CPU runtime does not know");
}

inline constexpr preshuffle_cpu::WaveOperation UPDATE_DPP = {"update_dpp", [](void *const *operands) {
  const int control = static_cast<Dpp *>(operands[0])->control;
  for (int lane = 0; lane < 64; lane++) {
    Exchange &exchange = static_cast<Dpp *>(operands[lane])->exchange;
    exchange.selector = dpp_source(control, lane);
    if (exchange.selector >= 0) exchange.result = static_cast<Dpp *>(operands[exchange.selector])->exchange.value;
  }
}};

/** @param zero_outside whether a lane without a source gets zero instead of `old` */
inline int update_dpp(int old, int value, int control, int row_mask, int bank_mask, bool zero_outside) {
  Dpp dpp = {{(uint32_t)value, 0, 0}, control};
  wave(UPDATE_DPP, dpp);
  const int lane = (int)(preshuffle_cpu_lane()->thread & 63);
  const bool enabled = (row_mask >> (lane / 16) & 1) && (bank_mask >> (lane / 4 % 4) & 1);
  if (!enabled) return old;
  return dpp.exchange.selector < 0 ? (zero_outside ? 0 : old) : (int)dpp.exchange.result;
}

struct Swap {
  uint32_t first;
  uint32_t second;
};

/** Exchanges the odd groups of `lanes` lanes of the first value with the even groups of the second. */
template <unsigned lanes> void swap_groups(void *const *operands) {
  for (unsigned lane = 0; lane < 64; lane++) {
    if (lane & lanes) continue;
    Swap &even = *static_cast<Swap *>(operands[lane]);
    Swap &odd = *static_cast<Swap *>(operands[lane + lanes]);
    const uint32_t moved = odd.first;
    odd.first = even.second;
    even.second = moved;
  }
}

inline constexpr preshuffle_cpu::WaveOperation PERMLANE16_SWAP = {"permlane16_swap", swap_groups<16>};
inline constexpr preshuffle_cpu::WaveOperation PERMLANE32_SWAP = {"permlane32_swap", swap_groups<32>};

inline Pair permlane16_swap(uint32_t first, uint32_t second, bool, bool) {
  Swap swap = {first, second};
  wave(PERMLANE16_SWAP, swap);
  return Pair{swap.first, swap.second};
}

inline Pair permlane32_swap(uint32_t first, uint32_t second, bool, bool) {
  Swap swap = {first, second};
  wave(PERMLANE32_SWAP, swap);
  return Pair{swap.first, swap.second};
}

}  // namespace amdgcn
