// What kernels call; see amdgcn/interface.h.
#include "hip-status.h"
#include "workgroup.h"

using namespace preshuffle_cpu;

namespace {

const WaveOperation WAIT = {"wait for memory", [](void *const *operands) {
  Workgroup::running()->memory_queue().wait(*static_cast<const unsigned *>(operands[WAVE - 1]));
}};

}  // namespace

const LaneFacts *preshuffle_cpu_lane() { return Workgroup::running()->lane_facts(); }

void preshuffle_cpu_wave(const WaveOperation *operation, void *operand) {
  Workgroup::running()->wave_operation(operation, operand, __builtin_return_address(0));
}

void preshuffle_cpu_barrier() {
  Workgroup::running()->wave_operation(&BARRIER, nullptr, __builtin_return_address(0));
}

void preshuffle_cpu_dma(char *lds, const char *source, unsigned bytes) { Workgroup::running()->copy(lds, source, bytes); }

void preshuffle_cpu_count_memory() {
  Workgroup &group = *Workgroup::running();
  // The first lane stands for the wave's one instruction; where it takes no part, one is counted too few, and waits end late.
  if (group.is_first_lane()) group.memory_queue().count();
}

void preshuffle_cpu_wait_memory(unsigned outstanding) {
  Workgroup::running()->wave_operation(&WAIT, &outstanding, __builtin_return_address(0));
}

void preshuffle_cpu_fail(const char *what) { Workgroup::running()->fail(STATUS_LAUNCH_FAILURE, what); }
