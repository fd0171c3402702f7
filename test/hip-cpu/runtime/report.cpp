#include "report.h"

#include <cstdio>
#include <mutex>

#include "amdgcn/interface.h"

namespace {
std::mutex mutex;
std::string last;
}  // namespace

void preshuffle_cpu::report(const std::string &text) {
  const std::lock_guard<std::mutex> lock(mutex);
  last = text;
  fprintf(stderr, "preshuffle CPU runtime: %s\n", text.c_str());
}

/** The last text that was reported. */
PRESHUFFLE_CPU_EXPORT const char *preshuffle_cpu_last_failure() { return last.c_str(); }
