// A grid of workgroups over the threads of the host.
#pragma once
#include "workgroup.h"

namespace preshuffle_cpu {

/** Runs a grid to its end. A failed workgroup ends the launch; those that run at that time are finished. */
Failure launch(const Kernel &kernel, const void *arguments, const uint32_t (&grid)[3], const Settings &settings);

}  // namespace preshuffle_cpu
