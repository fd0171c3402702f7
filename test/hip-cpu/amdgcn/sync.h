// Builtins for order and waiting.
#pragma once
#include "kernel.h"

namespace amdgcn {

inline constexpr preshuffle_cpu::WaveOperation WAVE_BARRIER = {"wave_barrier", [](void *const *) {}};

__attribute__((convergent)) inline void s_barrier() { preshuffle_cpu_barrier(); }

/** Only the memory part: LDS is read and written at once. */
__attribute__((convergent)) inline void s_waitcnt(unsigned counters) {
  const unsigned outstanding = (counters & 15) | (counters >> 14 & 3) << 4;
  if (outstanding != 63) preshuffle_cpu_wait_memory(outstanding);
}

__attribute__((convergent)) inline void wave_barrier() {
  int nothing = 0;
  wave(WAVE_BARRIER, nothing);
}

inline void sched_barrier(int) {}
inline void s_setprio(int) {}
template <typename... Scopes> inline void fence(int, const char *, Scopes...) {}

}  // namespace amdgcn
