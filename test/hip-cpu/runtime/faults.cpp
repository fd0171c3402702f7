#include "faults.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdlib>
#include <mutex>

#include "workgroup.h"

namespace preshuffle_cpu {

namespace {

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
constexpr size_t STACK_BYTES = 64 * 1024;

struct sigaction before[65];

void handle(int signal, siginfo_t *info, void *context) {
  Workgroup *group = Workgroup::running();
  if (group != nullptr) {
    // Returning from the handler then goes on where the workgroup was started; the lanes are given up.
    auto &registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    registers[REG_RDI] = reinterpret_cast<greg_t>(group->fault(signal, info->si_addr));
    registers[REG_RIP] = reinterpret_cast<greg_t>(&preshuffle_cpu_resume);
    return;
  }
  const struct sigaction &old = before[signal];
  if (old.sa_flags & SA_SIGINFO) return old.sa_sigaction(signal, info, context);
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) return old.sa_handler(signal);
  // The instruction runs again and then ends the process, as it would have without us.
  sigaction(signal, &old, nullptr);
}

}  // namespace

void install_fault_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (const int signal : SIGNALS) sigaction(signal, &action, &before[signal]);
  });
}

FaultStack::FaultStack() : memory_(mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (memory_ == MAP_FAILED) abort();
  const stack_t stack = {memory_, 0, STACK_BYTES};
  sigaltstack(&stack, nullptr);
}

FaultStack::~FaultStack() {
  const stack_t none = {nullptr, SS_DISABLE, 0};
  sigaltstack(&none, nullptr);
  munmap(memory_, STACK_BYTES);
}

}  // namespace preshuffle_cpu
