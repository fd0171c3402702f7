// Stacks that are switched by hand: 64 lanes of a wave take turns on one thread, thousands of times a millisecond.
#pragma once
#include <cstddef>

namespace preshuffle_cpu {

/** Where a suspended fiber goes on: its registers lie on its stack from here. */
using StackPointer = void *;

extern "C" {
/** Suspends the running fiber, keeping its place in `*from`, and goes on with `to`. */
void preshuffle_cpu_switch(StackPointer *from, StackPointer to);
/** Goes on with `to` and forgets what runs. Also entered from a signal handler. */
[[noreturn]] void preshuffle_cpu_resume(StackPointer to);
}

/** Stacks for fibers, each with a page below that must not be touched. */
class Stacks {
 public:
  static constexpr size_t BYTES = 128 * 1024;

  Stacks() = default;
  Stacks(const Stacks &) = delete;
  ~Stacks();

  /** Makes sure that there are so many. Nothing may run on them. */
  void reserve(size_t count);
  /** A fiber that will call `entry`, which must not return, on a stack. */
  StackPointer start(size_t index, void (*entry)());
  /** The stack whose guard page has this address, or -1. */
  long overflown(const void *address) const;

 private:
  char *memory_ = nullptr;
  size_t count_ = 0;
};

}  // namespace preshuffle_cpu
