// How a kernel is written down. One source for gfx950 and, with PRESHUFFLE_HIP_CPU, for the CPU runtime of the tests.
//
//   struct CopyArgs { const u32 *x; u32 *y; u32 count; };
//   PRESHUFFLE_KERNEL(copy, CopyArgs, 256) {
//     SHARED(u32, staged, 256);
//     ... body, with the arguments as `a` ...
//   }
//
// The struct holds 8-byte pointers first, then 4-byte fields. The number of threads is fixed, a multiple of 64. SHARED stands
// in the body of a kernel only; its memory is not zeroed and 16 bytes aligned.
#pragma once
#include "types.h"

// What is written is what is computed: no fusing of a * b + c behind our back, on neither target. Ask for fma() instead.
#pragma clang fp contract(off)

#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/kernel.h"
#define AMDGCN(name) amdgcn::name
#else
#define AMDGCN(name) __builtin_amdgcn_##name

#ifdef __HIPCC_RTC__
#define PRESHUFFLE_GLOBAL __global__
#define PRESHUFFLE_SHARED __shared__
#define DEVICE static __device__ __attribute__((always_inline)) inline
#else
#define PRESHUFFLE_GLOBAL __attribute__((global))
#define PRESHUFFLE_SHARED __attribute__((shared))
#define DEVICE static __attribute__((device, always_inline)) inline
#endif

// A pointee in LDS or in device memory: LDS(u8) *.
#define LDS(type) __attribute__((address_space(3))) type
#define GLOBAL(type) __attribute__((address_space(1))) type

// PRESHUFFLE_KERNEL_WAVES also says how many waves per SIMD the registers must leave room for.
#define PRESHUFFLE_KERNEL(name, Args, threads) PRESHUFFLE_KERNEL_(name, Args, threads, )
#define PRESHUFFLE_KERNEL_WAVES(name, Args, threads, waves) \
  PRESHUFFLE_KERNEL_(name, Args, threads, __attribute__((amdgpu_waves_per_eu(waves))))
#define PRESHUFFLE_KERNEL_(name, Args, threads, attributes) \
  static_assert((threads) % 64 == 0 && (threads) <= 1024, "a workgroup is 1 to 16 whole waves"); \
  DEVICE void name##_body(const Args &a); \
  extern "C" PRESHUFFLE_GLOBAL attributes __attribute__((amdgpu_flat_work_group_size(threads, threads))) void name(Args a) { \
    name##_body(a); \
  } \
  DEVICE void name##_body([[maybe_unused]] const Args &a)

#define SHARED(type, name, count) alignas(16) PRESHUFFLE_SHARED static type name[count]

// LDS whose size is given at the launch, behind that of SHARED. One for each kernel, of a name of its own.
#define DYNAMIC_SHARED(type, name) extern PRESHUFFLE_SHARED __attribute__((aligned(16))) type name[]

// The compiler must not look through this value: keeps addresses in a register instead of recomputing them.
#define OPAQUE(value) asm("" : "+v"(value))
#endif

// DEVICE is static; members and lambdas take this instead.
#define INLINE __attribute__((always_inline)) inline
#define UNROLL _Pragma("unroll")

DEVICE i32 thread_x() { return (i32)AMDGCN(workitem_id_x)(); }
DEVICE i32 group_x() { return (i32)AMDGCN(workgroup_id_x)(); }
DEVICE i32 group_y() { return (i32)AMDGCN(workgroup_id_y)(); }
DEVICE i32 group_z() { return (i32)AMDGCN(workgroup_id_z)(); }
// Lane of the wave, 0 to 63, and wave of the workgroup; the latter as the compiler sees it may differ by lane, see wave.h.
DEVICE i32 lane_number() { return thread_x() & 63; }

// The bits of one value as another of the same size. Elements of vectors: copy them to a variable first, since clang 22 reads
// element 0 whichever was named.
template <typename To, typename From> DEVICE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits_as keeps the size");
  return __builtin_bit_cast(To, from);
}
