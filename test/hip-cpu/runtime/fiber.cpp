#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

// System V calling convention: a function keeps rbx, rbp, r12 to r15, and the control words of the FPU, which nobody changes.
#ifndef __x86_64__
#error "the CPU runtime switches stacks in x86-64 assembly"
#endif
asm(R"(
.text
.globl preshuffle_cpu_switch
.hidden preshuffle_cpu_switch
.type preshuffle_cpu_switch, @function
preshuffle_cpu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rdi
.globl preshuffle_cpu_resume
.hidden preshuffle_cpu_resume
.type preshuffle_cpu_resume, @function
preshuffle_cpu_resume:
  movq %rdi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace preshuffle_cpu {

namespace {
constexpr size_t PAGE = 4096;
constexpr size_t SAVED_REGISTERS = 6;
}  // namespace

Stacks::~Stacks() {
  if (memory_ != nullptr) munmap(memory_, count_ * BYTES);
}

void Stacks::reserve(size_t count) {
  if (count <= count_) return;
  if (memory_ != nullptr) munmap(memory_, count_ * BYTES);
  void *memory = mmap(nullptr, count * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "preshuffle CPU runtime: no memory for %zu stacks\n", count);
    abort();
  }
  memory_ = static_cast<char *>(memory);
  count_ = count;
  for (size_t index = 0; index < count; index++) mprotect(memory_ + index * BYTES, PAGE, PROT_NONE);
}

StackPointer Stacks::start(size_t index, void (*entry)()) {
  // Tops at equal distances would share a few sets of the cache; these are spread over a page.
  const size_t colour = index % 64 * 64;
  auto *top = reinterpret_cast<void **>(memory_ + (index + 1) * BYTES - colour - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (size_t saved = 0; saved < SAVED_REGISTERS; saved++) *--top = nullptr;
  return top;
}

long Stacks::overflown(const void *address) const {
  const auto offset = static_cast<const char *>(address) - memory_;
  if (memory_ == nullptr || offset < 0 || static_cast<size_t>(offset) >= count_ * BYTES) return -1;
  return static_cast<size_t>(offset) % BYTES < PAGE ? static_cast<long>(offset / BYTES) : -1;
}

}  // namespace preshuffle_cpu
