// What a kernel compiled for the CPU calls in the runtime. A lane is a fiber that runs plain C++ until it comes to an operation
// of the whole wave; there it waits for the other 63 lanes, and the last one to come does the operation for all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#define PRESHUFFLE_CPU_EXPORT extern "C" __attribute__((visibility("default")))

namespace preshuffle_cpu {

constexpr unsigned WAVE = 64;
/** LDS of a workgroup of gfx950. */
constexpr unsigned LDS_BYTES = 160 * 1024;

/** Exported beside each kernel, as `<kernel>__preshuffle`. */
struct Descriptor {
  uint32_t argument_bytes;
  uint32_t threads;
  /** Static LDS. Known once the object is loaded. */
  uint32_t lds_bytes;
};

/** What a lane knows about itself. */
struct LaneFacts {
  /** In the workgroup. */
  uint32_t thread;
  uint32_t group[3];
  /** LDS of the workgroup. */
  char *lds;
};

/** An operation of a wave. It finds what each lane gave (and takes the results there) in `operands[lane]`. */
struct WaveOperation {
  const char *name;
  void (*run)(void *const *operands);
};

}  // namespace preshuffle_cpu

/** The lane that runs. The same for as long as a kernel's own code runs, hence `const`. */
PRESHUFFLE_CPU_EXPORT const preshuffle_cpu::LaneFacts *preshuffle_cpu_lane() __attribute__((const));

// `convergent`: the compiler must not make copies of these calls that some lanes reach and others do not.

/** Waits for the wave and does the operation. */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_wave(const preshuffle_cpu::WaveOperation *operation, void *operand)
    __attribute__((convergent));
/** Waits for the workgroup. */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_barrier() __attribute__((convergent));

/**
 * Copies `bytes` a lane into LDS, at `lds + lane * bytes`, without going through registers; zeros where `source` is null. Done
 * at once or, when the runtime is lazy, not before a wait asks for it.
 */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_dma(char *lds, const char *source, unsigned bytes) __attribute__((convergent));
/** A load to registers or a store, which the counter of outstanding operations counts too. */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_count_memory();
/** Waits until no more than `outstanding` operations of the wave are not done. */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_wait_memory(unsigned outstanding) __attribute__((convergent));

/** Ends the launch with an error: the kernel did what the device cannot do. */
PRESHUFFLE_CPU_EXPORT void preshuffle_cpu_fail(const char *what) __attribute__((noreturn));
