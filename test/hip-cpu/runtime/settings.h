// What the environment asks of the runtime. Read at every launch, so that a test can change it between two.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace preshuffle_cpu {

enum class Order { forward, reverse, random };

struct Settings {
  /** PRESHUFFLE_HIP_CPU_ORDER=forward|reverse|random:<seed>: which wave runs first, and which workgroup. */
  Order order = Order::forward;
  uint64_t seed = 0;
  /** PRESHUFFLE_HIP_CPU_DMA=eager|lazy: whether a copy into LDS happens at once, or not before something waits for it. */
  bool lazy = false;
  /** PRESHUFFLE_HIP_CPU_THREADS: workgroups that run at a time. Default: one per core. */
  unsigned threads = 1;
};

/** Returns null, or what is wrong with the environment. */
const char *read_settings(Settings &settings);

/** PRESHUFFLE_HIP_CPU_ARCH=gfx950|gfx942: what the device says it is. Default gfx950. */
std::string device_arch();

/** PRESHUFFLE_HIP_CPU_MEMORY: bytes of device memory. Default 8 GiB. */
size_t device_memory();

}  // namespace preshuffle_cpu
