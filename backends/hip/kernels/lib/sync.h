// Order between the lanes and waves of a workgroup.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/sync.h"
#endif

// The compiler moves nothing across; costs nothing.
DEVICE void sched_fence() {
  asm volatile("" ::: "memory");
  AMDGCN(sched_barrier)(0);
}

// s_waitcnt of gfx9: vmcnt in bits 0..3 and 14..15, expcnt 4..6, lgkmcnt 8..11; all ones do not wait.
constexpr int NO_MEMORY_WAIT = 63;
constexpr int NO_LDS_WAIT = 15;
constexpr int wait_counters(int memory, int lds) { return (memory & 15) | (memory >> 4) << 14 | 7 << 4 | lds << 8; }

// Waits until at most `outstanding` of the wave's own loads, stores and copies into LDS are not done. They end in order. A
// kernel that counts to more than 0 makes all of them by buffer_load, buffer_store and copy_to_lds: the compiler may move
// others about.
template <int outstanding> DEVICE void wait_memory() {
  static_assert(outstanding >= 0 && outstanding < 63, "the counter has 6 bits");
  sched_fence();
  AMDGCN(s_waitcnt)(wait_counters(outstanding, NO_LDS_WAIT));
  sched_fence();
}

// Waits for the wave's own reads and writes of LDS.
DEVICE void wait_lds() {
  sched_fence();
  AMDGCN(s_waitcnt)(wait_counters(NO_MEMORY_WAIT, 0));
  sched_fence();
}

// All waves of the workgroup meet. Waits for nothing else: what was written to LDS before is there for the others only after
// wait_lds() (stores) or wait_memory() (copies) in the wave that wrote it.
DEVICE void meet() {
  sched_fence();
  AMDGCN(s_barrier)();
  sched_fence();
}

// All waves meet, and see what the others stored in LDS before.
DEVICE void barrier() {
  wait_lds();
  meet();
}

// Lanes of the wave see what the others stored in LDS before.
DEVICE void wave_barrier() {
  wait_lds();
  AMDGCN(wave_barrier)();
  sched_fence();
}

// While matrix instructions run: 1 makes the wave go first on its SIMD, 0 is normal.
template <int priority> DEVICE void set_priority() { AMDGCN(s_setprio)(priority); }
