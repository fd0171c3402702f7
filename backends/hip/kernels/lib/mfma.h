// Matrix instructions: D = A * B + C with the operands spread over the 64 lanes of a wave. All lanes must come to each together.
//
// Of A a lane holds row r = lane % S, of B column r, with S = 16 or 32 rows and group g = lane / S:
//   16x16x128, 32x32x64  fp8: bytes 0..15 are K = 16 g .. 16 g + 15, bytes 16..31 the same in the second half of K
//                        fp4: bytes 0..15 are K = 32 g .. 32 g + 31, even K in the low half of a byte; use fp4_operand()
//   16x16x32             8 elements, K = 8 g .. 8 g + 7
// Of D (and C) a lane holds column r; number 4 q + i is row 4 (q * 64 / S + g) + i: for S = 16 rows 4 g .. 4 g + 3.
// Scales are e8m0 bytes: byte `select` of the lane (r, g) scales K = 32 g .. 32 g + 31 of row r; 255 gives NaN. For fp8 that is
// not the lane which holds these elements.
// Where the rows are weights and the columns tokens, a lane gets neighbouring outputs of one token.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/mfma.h"
#endif

enum MatrixFormat : int { FORMAT_E4M3 = 0, FORMAT_E5M2 = 1, FORMAT_E2M1 = 4 };

#ifndef __gfx942__
// Two 16-byte pieces of an fp8 operand.
DEVICE i32x8 fp8_operand(i32x4 low, i32x4 high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7); }
// The upper four registers of an fp4 operand are not looked at.
DEVICE i32x8 fp4_operand(i32x4 codes) { return fp8_operand(codes, i32x4{0, 0, 0, 0}); }

// Unscaled. clang makes the plain instruction of the scaled builtin when both scales are the constant 0.
template <MatrixFormat a_format, MatrixFormat b_format> DEVICE f32x4 mfma_16x16x128(i32x8 a, i32x8 b, f32x4 c) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::mfma_f32_16x16x128_f8f6f4(a, b, c, a_format, b_format);
#else
  return AMDGCN(mfma_scale_f32_16x16x128_f8f6f4)(a, b, c, a_format, b_format, 0, 0, 0, 0);
#endif
}
template <MatrixFormat a_format, MatrixFormat b_format> DEVICE f32x16 mfma_32x32x64(i32x8 a, i32x8 b, f32x16 c) {
#ifdef PRESHUFFLE_HIP_CPU
  return amdgcn::mfma_f32_32x32x64_f8f6f4(a, b, c, a_format, b_format);
#else
  return AMDGCN(mfma_scale_f32_32x32x64_f8f6f4)(a, b, c, a_format, b_format, 0, 0, 0, 0);
#endif
}

// Scaled, with byte a_select of a_scales and byte b_select of b_scales. The scales must not be constants: see above.
template <MatrixFormat a_format, MatrixFormat b_format, int a_select, int b_select>
DEVICE f32x4 mfma_scale_16x16x128(i32x8 a, i32x8 b, f32x4 c, u32 a_scales, u32 b_scales) {
  static_assert(a_select >= 0 && a_select < 4 && b_select >= 0 && b_select < 4, "a register holds four scales");
  return AMDGCN(mfma_scale_f32_16x16x128_f8f6f4)(a, b, c, a_format, b_format, a_select, (i32)a_scales, b_select,
                                                 (i32)b_scales);
}
template <MatrixFormat a_format, MatrixFormat b_format, int a_select, int b_select>
DEVICE f32x16 mfma_scale_32x32x64(i32x8 a, i32x8 b, f32x16 c, u32 a_scales, u32 b_scales) {
  static_assert(a_select >= 0 && a_select < 4 && b_select >= 0 && b_select < 4, "a register holds four scales");
  return AMDGCN(mfma_scale_f32_32x32x64_f8f6f4)(a, b, c, a_format, b_format, a_select, (i32)a_scales, b_select,
                                                (i32)b_scales);
}
#endif

DEVICE f32x4 mfma_16x16x32(bf16x8 a, bf16x8 b, f32x4 c) {
#ifdef __gfx942__
  // Half of K at a time. Which elements these are does not matter as long as they are the same of A and B.
  const bf16x4 a0 = __builtin_shufflevector(a, a, 0, 1, 2, 3), a1 = __builtin_shufflevector(a, a, 4, 5, 6, 7);
  const bf16x4 b0 = __builtin_shufflevector(b, b, 0, 1, 2, 3), b1 = __builtin_shufflevector(b, b, 4, 5, 6, 7);
  typedef short i16x4 __attribute__((ext_vector_type(4)));
  c = AMDGCN(mfma_f32_16x16x16bf16_1k)(bits_as<i16x4>(a0), bits_as<i16x4>(b0), c, 0, 0, 0);
  return AMDGCN(mfma_f32_16x16x16bf16_1k)(bits_as<i16x4>(a1), bits_as<i16x4>(b1), c, 0, 0, 0);
#else
  return AMDGCN(mfma_f32_16x16x32_bf16)(a, b, c, 0, 0, 0);
#endif
}

DEVICE f32x4 mfma_16x16x32(f16x8 a, f16x8 b, f32x4 c) {
#ifdef __gfx942__
  const f16x4 a0 = __builtin_shufflevector(a, a, 0, 1, 2, 3), a1 = __builtin_shufflevector(a, a, 4, 5, 6, 7);
  const f16x4 b0 = __builtin_shufflevector(b, b, 0, 1, 2, 3), b1 = __builtin_shufflevector(b, b, 4, 5, 6, 7);
  c = AMDGCN(mfma_f32_16x16x16f16)(a0, b0, c, 0, 0, 0);
  return AMDGCN(mfma_f32_16x16x16f16)(a1, b1, c, 0, 0, 0);
#else
  return AMDGCN(mfma_f32_16x16x32_f16)(a, b, c, 0, 0, 0);
#endif
}

// e4m3: OCP on gfx950 (half the rate of 16x16x128 there), fnuz on gfx942.
DEVICE f32x4 mfma_16x16x32(i64 a, i64 b, f32x4 c) { return AMDGCN(mfma_f32_16x16x32_fp8_fp8)(a, b, c, 0, 0, 0); }
