// Everything that kernels use of the machine: waves of 64 lanes, LDS, matrix instructions, number formats. Thin names for
// clang's builtins of gfx950 (and gfx942 where it has them); with PRESHUFFLE_HIP_CPU the same names run in the CPU runtime of
// the tests (test/hip-cpu).
#pragma once
#include "atomic.h"
#include "buffer.h"
#include "convert.h"
#include "kernel.h"
#include "mfma.h"
#include "sync.h"
#include "wave.h"
