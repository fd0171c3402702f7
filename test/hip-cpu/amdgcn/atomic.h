// Atomics on memory that all threads of the host share.
#pragma once
#include "kernel.h"

namespace amdgcn {

/** Replaces the word by what `change` makes of it. Returns what was there. */
template <typename Change> uint32_t exchange_word(void *address, Change change) {
  auto *word = static_cast<uint32_t *>(address);
  if ((uintptr_t)address % sizeof *word != 0) preshuffle_cpu_fail("does an atomic operation at an address that is not aligned");
  uint32_t before = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(word, &before, change(before), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
}

/** Nearest, ties to even; NaN stays NaN. */
inline uint32_t bf16_bits(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if (value != value) return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

inline uint32_t add_bf16_pair(uint32_t a, uint32_t b) {
  const auto low = [](uint32_t pair) { return __builtin_bit_cast(float, pair << 16); };
  const auto high = [](uint32_t pair) { return __builtin_bit_cast(float, pair & 0xffff0000u); };
  return bf16_bits(low(a) + low(b)) | bf16_bits(high(a) + high(b)) << 16;
}

}  // namespace amdgcn
