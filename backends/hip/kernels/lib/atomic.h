// Atomics on device memory, seen by all workgroups of the device. Order of memory around them is not implied.
//
// Sums of floats depend on the order in which they happen, so the same launch can give other last bits the next time.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/atomic.h"
#endif

// Each returns what was there before.

DEVICE u32 atomic_add(u32 *at, u32 value) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::exchange_word(at, [=](u32 before) { return before + value; });
#else
  return __hip_atomic_fetch_add(at, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
#endif
}

DEVICE u32 atomic_max(u32 *at, u32 value) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::exchange_word(at, [=](u32 before) { return before > value ? before : value; });
#else
  return __hip_atomic_fetch_max(at, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
#endif
}

DEVICE u32 atomic_or(u32 *at, u32 value) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::exchange_word(at, [=](u32 before) { return before | value; });
#else
  return __hip_atomic_fetch_or(at, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
#endif
}

// Stores `value` where `expected` is.
DEVICE u32 atomic_compare_exchange(u32 *at, u32 expected, u32 value) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::exchange_word(at, [=](u32 before) { return before == expected ? value : before; });
#else
  __hip_atomic_compare_exchange_strong(at, &expected, value, __ATOMIC_RELAXED, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  return expected;
#endif
}

// Memory of this device only, coarse-grained, as all buffers of this package are: then it is one instruction.
DEVICE void atomic_add(f32 *at, f32 value) {
#ifdef PRESHUFFLE_HIP_CPU
  amdgcn::exchange_word(at, [=](u32 before) { return bits_as<u32>(bits_as<f32>(before) + value); });
#else
  [[clang::atomic(no_remote_memory, no_fine_grained_memory, ignore_denormal_mode)]] {
    __hip_atomic_fetch_add(at, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  }
#endif
}

// Two neighbours in a word, each rounded to bf16.
DEVICE void atomic_add(bf16x2 *at, bf16x2 value) {
#ifdef PRESHUFFLE_HIP_CPU
  amdgcn::exchange_word(at, [=](u32 before) { return amdgcn::add_bf16_pair(before, bits_as<u32>(value)); });
#else
  __builtin_amdgcn_global_atomic_fadd_v2bf16((GLOBAL(i16x2) *)at, bits_as<i16x2>(value));
#endif
}
