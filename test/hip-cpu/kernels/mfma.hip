// One matrix instruction, with the lanes' operands as they lie in memory.
#include "lib/gfx.h"

struct MatrixArgs {
  // [lane][32 bytes]
  const i32x8 *a;
  const i32x8 *b;
  // [lane]
  const u32 *a_scales;
  const u32 *b_scales;
  // [lane][4 or 16]
  const f32 *c;
  f32 *d;
};

#define WIDE(name, A, B) \
  PRESHUFFLE_KERNEL(plain_16_##name, MatrixArgs, 64) { \
    const i32 t = thread_x(); \
    ((f32x4 *)a.d)[t] = mfma_16x16x128<A, B>(a.a[t], a.b[t], ((const f32x4 *)a.c)[t]); \
  } \
  PRESHUFFLE_KERNEL(plain_32_##name, MatrixArgs, 64) { \
    const i32 t = thread_x(); \
    ((f32x16 *)a.d)[t] = mfma_32x32x64<A, B>(a.a[t], a.b[t], ((const f32x16 *)a.c)[t]); \
  } \
  PRESHUFFLE_KERNEL(scaled_16_##name, MatrixArgs, 64) { \
    const i32 t = thread_x(); \
    ((f32x4 *)a.d)[t] = \
        mfma_scale_16x16x128<A, B, 1, 3>(a.a[t], a.b[t], ((const f32x4 *)a.c)[t], a.a_scales[t], a.b_scales[t]); \
  } \
  PRESHUFFLE_KERNEL(scaled_32_##name, MatrixArgs, 64) { \
    const i32 t = thread_x(); \
    ((f32x16 *)a.d)[t] = \
        mfma_scale_32x32x64<A, B, 2, 0>(a.a[t], a.b[t], ((const f32x16 *)a.c)[t], a.a_scales[t], a.b_scales[t]); \
  }

WIDE(e4m3_e4m3, FORMAT_E4M3, FORMAT_E4M3)
WIDE(e2m1_e2m1, FORMAT_E2M1, FORMAT_E2M1)
WIDE(e2m1_e4m3, FORMAT_E2M1, FORMAT_E4M3)
WIDE(e4m3_e2m1, FORMAT_E4M3, FORMAT_E2M1)
WIDE(e5m2_e4m3, FORMAT_E5M2, FORMAT_E4M3)

// 16 bytes a lane of each operand are used.
PRESHUFFLE_KERNEL(narrow_bf16, MatrixArgs, 64) {
  const i32 t = thread_x();
  ((f32x4 *)a.d)[t] = mfma_16x16x32(*(const bf16x8 *)(a.a + t), *(const bf16x8 *)(a.b + t), ((const f32x4 *)a.c)[t]);
}
PRESHUFFLE_KERNEL(narrow_f16, MatrixArgs, 64) {
  const i32 t = thread_x();
  ((f32x4 *)a.d)[t] = mfma_16x16x32(*(const f16x8 *)(a.a + t), *(const f16x8 *)(a.b + t), ((const f32x4 *)a.c)[t]);
}
// 8 bytes.
PRESHUFFLE_KERNEL(narrow_fp8, MatrixArgs, 64) {
  const i32 t = thread_x();
  ((f32x4 *)a.d)[t] = mfma_16x16x32(*(const i64 *)(a.a + t), *(const i64 *)(a.b + t), ((const f32x4 *)a.c)[t]);
}
