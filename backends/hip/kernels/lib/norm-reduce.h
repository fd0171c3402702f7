// Sums and maxima over a workgroup.
#pragma once
#include "gfx.h"

// All threads get the same. `partial` has one place for each wave, and is used for one reduction only.
template <typename Operation, i32 threads, typename Word> DEVICE Word reduce_workgroup(Word value, LDS(Word) * partial) {
  value = reduce<Operation, 64>(value);
  if constexpr (threads > 64) {
    partial[thread_x() / 64] = value;
    barrier();
    value = partial[0];
    UNROLL for (i32 wave = 1; wave < threads / 64; wave++) value = Operation::of(value, partial[wave]);
  }
  return value;
}
