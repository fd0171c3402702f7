// The CPU side of lib/kernel.h.
#pragma once
#include "interface.h"

#define DEVICE static inline __attribute__((always_inline))
#define LDS(type) type
#define GLOBAL(type) type
#define OPAQUE(value) asm("" : "+r"(value))

// The body is a member of a class of the kernel's own, where SHARED finds the size it has to add to.
#define PRESHUFFLE_KERNEL_WAVES(name, Args, threads, waves) PRESHUFFLE_KERNEL(name, Args, threads)
#define PRESHUFFLE_KERNEL(name, Args, threads) \
  static_assert((threads) % 64 == 0 && (threads) <= 1024, "a workgroup is 1 to 16 whole waves"); \
  extern "C" { \
  __attribute__((visibility("default"))) preshuffle_cpu::Descriptor name##__preshuffle = {sizeof(Args), threads, 0}; \
  } \
  struct name##_kernel { \
    static constexpr preshuffle_cpu::Descriptor *descriptor = &name##__preshuffle; \
    static void body(const Args &a); \
  }; \
  PRESHUFFLE_CPU_EXPORT void name(const void *arguments) { name##_kernel::body(*(const Args *)arguments); } \
  void name##_kernel::body([[maybe_unused]] const Args &a)

#define SHARED(type, name, count) \
  __attribute__((section("preshuffle_lds"), used)) static preshuffle_cpu::SharedBlock name##_block = { \
      descriptor, sizeof(type) * (count), 0}; \
  type(&name)[count] = *(type(*)[count])(preshuffle_cpu_lane()->lds + name##_block.offset)

#define DYNAMIC_SHARED(type, name) type *const name = (type *)(preshuffle_cpu_lane()->lds + descriptor->lds_bytes)

// An object runs on the device that it was compiled for.
#ifdef PRESHUFFLE_HIP_CPU_GFX942
#define PRESHUFFLE_CPU_ARCH "gfx942"
#else
#define PRESHUFFLE_CPU_ARCH "gfx950"
#endif
extern "C" {
extern __attribute__((visibility("default"))) const char preshuffle_cpu_arch[];
const char preshuffle_cpu_arch[] = PRESHUFFLE_CPU_ARCH;
}

namespace preshuffle_cpu {

/** One SHARED. They all lie in a section of the object, which is walked when it is loaded. */
struct SharedBlock {
  Descriptor *descriptor;
  uint32_t bytes;
  uint32_t offset;
};

}  // namespace preshuffle_cpu

// An object without SHARED has no such section.
extern "C" {
extern preshuffle_cpu::SharedBlock __start_preshuffle_lds[] __attribute__((weak, visibility("hidden")));
extern preshuffle_cpu::SharedBlock __stop_preshuffle_lds[] __attribute__((weak, visibility("hidden")));
}

namespace preshuffle_cpu {

__attribute__((constructor)) static void place_shared_blocks() {
  for (SharedBlock *block = __start_preshuffle_lds; block != __stop_preshuffle_lds; block++) {
    block->offset = block->descriptor->lds_bytes;
    block->descriptor->lds_bytes += (block->bytes + 15) / 16 * 16;
  }
}

}  // namespace preshuffle_cpu

namespace amdgcn {

inline uint32_t workitem_id_x() { return preshuffle_cpu_lane()->thread; }
inline uint32_t workgroup_id_x() { return preshuffle_cpu_lane()->group[0]; }
inline uint32_t workgroup_id_y() { return preshuffle_cpu_lane()->group[1]; }
inline uint32_t workgroup_id_z() { return preshuffle_cpu_lane()->group[2]; }

/** Gives each lane's operand to the operation; see WaveOperation. */
template <typename Operand>
__attribute__((always_inline, convergent)) inline void wave(const preshuffle_cpu::WaveOperation &operation,
                                                            Operand &operand) {
  preshuffle_cpu_wave(&operation, &operand);
}

}  // namespace amdgcn
