// Turns a kernel's segmentation faults and traps into errors of its launch. Others' are left to whoever handled them before.
#pragma once

namespace preshuffle_cpu {

/** Once a process, before the first launch. */
void install_fault_handler();

/** Every thread that runs kernels has one: handlers need a stack of their own, since a lane's may have overflown. */
class FaultStack {
 public:
  FaultStack();
  ~FaultStack();
  FaultStack(const FaultStack &) = delete;

 private:
  void *memory_;
};

}  // namespace preshuffle_cpu
