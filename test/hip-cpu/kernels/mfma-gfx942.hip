// The matrix instruction of gfx942 whose fp8 is another one.
#define PRESHUFFLE_HIP_CPU_GFX942
#include "lib/gfx.h"

struct MatrixArgs {
  // [lane][8 bytes]
  const i64 *a;
  const i64 *b;
  // [lane][4]
  const f32x4 *c;
  f32x4 *d;
};

PRESHUFFLE_KERNEL(narrow_fp8, MatrixArgs, 64) {
  const i32 t = thread_x();
  a.d[t] = mfma_16x16x32(a.a[t], a.b[t], a.c[t]);
}
