// The matrix builtins; see lib/mfma.h. The arithmetic is in models/matrix.h.
#pragma once
#include "kernel.h"
#include "models/matrix.h"

// The operation must stay where it is: see amdgcn/interface.h.
#define MATRIX_CALL __attribute__((always_inline, convergent)) inline

namespace amdgcn {

namespace matrix {

using namespace preshuffle_cpu;

typedef int i32x8 __attribute__((ext_vector_type(8)));
typedef __bf16 bf16x8 __attribute__((ext_vector_type(8)));
typedef _Float16 f16x8 __attribute__((ext_vector_type(8)));
/** Codes of bf16. As a vector of numbers the host would take them apart and round each again. */
typedef uint16_t u16x8 __attribute__((ext_vector_type(8)));

/** The codes of cbsz and blgp. */
enum Format { E4M3 = 0, E5M2 = 1, E2M1 = 4 };

/** Side of the product by the type of the result: 4 or 16 numbers a lane. */
template <typename Result> constexpr unsigned SIDE = sizeof(Result) == 16 ? 16 : 32;

/** What a lane gives to an f8f6f4 instruction. Formats and selectors are the same for all lanes: they are in the code. */
template <typename Result> struct Wide {
  i32x8 a;
  i32x8 b;
  Result c;
  int a_format;
  int b_format;
  bool scaled;
  int a_select;
  uint32_t a_scale;
  int b_select;
  uint32_t b_scale;
};

template <typename Operand> const Operand &of_lane(void *const *operands, unsigned lane) {
  return *static_cast<const Operand *>(operands[lane]);
}

/** Adds the product to the lanes' addends. */
template <typename Operand, unsigned S> WHOLE_VECTORS void give_out(const Product<S> &product, void *const *operands) {
  constexpr unsigned GROUPS = 64 / S;
  for (unsigned run = 0; run < S / 4; run++) {
    for (unsigned tile = 0; tile < S / 16; tile++) {
      f32x4 columns[16];
      to_columns(&product.at[run * 4], tile, columns);
      for (unsigned column = 0; column < 16; column++) {
        const unsigned lane = run % GROUPS * S + tile * 16 + column;
        char *part = reinterpret_cast<char *>(&static_cast<Operand *>(operands[lane])->c) + run / GROUPS * sizeof(f32x4);
        f32x4 sums;
        memcpy(&sums, part, sizeof sums);
        sums += columns[column];
        memcpy(part, &sums, sizeof sums);
      }
    }
  }
}

/**
 * Puts an operand of 32 elements a lane into rows. Eight-bit codes: a lane of group g has 16 from K = 16 g on and 16 from half of
 * K + 16 g on. Four-bit codes: 32 from K = 32 g on, the even ones in the low halves of its first 16 bytes.
 */
template <unsigned S, unsigned K> void gather(void *const *operands, unsigned offset, bool narrow, Codes<S, K> &codes) {
  for (unsigned lane = 0; lane < 64; lane++) {
    uint8_t *row = codes.at[lane % S];
    const unsigned group = lane / S;
    u8x16 first, second;
    memcpy(&first, static_cast<const char *>(operands[lane]) + offset, 16);
    if (narrow) {
      const u8x16 even = first & 15;
      const u8x16 odd = first >> 4;
      first = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      second = __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      memcpy(row + 32 * group, &first, 16);
      memcpy(row + 32 * group + 16, &second, 16);
    } else {
      memcpy(&second, static_cast<const char *>(operands[lane]) + offset + 16, 16);
      memcpy(row + 16 * group, &first, 16);
      memcpy(row + K / 2 + 16 * group, &second, 16);
    }
  }
}

[[noreturn]] inline void unknown_format() {
  preshuffle_cpu_fail("multiplies a format that the CPU runtime does not know (e4m3, e5m2 and e2m1 are)");
}

template <unsigned S, unsigned K> void rows_of(int format, const Codes<S, K> &codes, Rows<S, K> &rows) {
  if (format == E4M3) decode_rows<S, K, decode_e4m3>(codes, rows);
  else if (format == E5M2) decode_rows<S, K, decode_e5m2>(codes, rows);
  else if (format == E2M1) decode_rows<S, K, decode_e2m1>(codes, rows);
  else unknown_format();
}

template <unsigned S, unsigned K> void columns_of(int format, const Codes<S, K> &codes, Columns<S, K> &columns) {
  if (format == E4M3) decode_columns<S, K, decode_e4m3>(codes, columns);
  else if (format == E5M2) decode_columns<S, K, decode_e5m2>(codes, columns);
  else if (format == E2M1) decode_columns<S, K, decode_e2m1>(codes, columns);
  else unknown_format();
}

/** The lane of row r and group g has the scale of elements 32 g to 32 g + 31 of row r, whichever lane has these. */
template <unsigned S, unsigned K> void scales_of(const uint32_t (&words)[64], int select, Scales<S, K> &scales) {
  for (unsigned lane = 0; lane < 64; lane++) scales.at[lane / S][lane % S] = words[lane] >> (8 * select) & 255;
}

template <typename Result> void multiply_wide(void *const *operands) {
  constexpr unsigned S = SIDE<Result>;
  constexpr unsigned K = 2048 / S;
  const auto &first = of_lane<Wide<Result>>(operands, 0);
  Codes<S, K> codes;
  Rows<S, K> a;
  Columns<S, K> b;
  Product<S> product;
  gather(operands, offsetof(Wide<Result>, a), first.a_format == E2M1, codes);
  rows_of(first.a_format, codes, a);
  gather(operands, offsetof(Wide<Result>, b), first.b_format == E2M1, codes);
  columns_of(first.b_format, codes, b);
  if (first.scaled) {
    uint32_t a_words[64], b_words[64];
    for (unsigned lane = 0; lane < 64; lane++) {
      a_words[lane] = of_lane<Wide<Result>>(operands, lane).a_scale;
      b_words[lane] = of_lane<Wide<Result>>(operands, lane).b_scale;
    }
    Scales<S, K> a_scales, b_scales;
    scales_of(a_words, first.a_select, a_scales);
    scales_of(b_words, first.b_select, b_scales);
    scaled_product(a, b, a_scales, b_scales, product);
  } else {
    plain_product(a, b, product);
  }
  give_out<Wide<Result>>(product, operands);
}

inline constexpr WaveOperation WIDE_16 = {"mfma_f32_16x16x128_f8f6f4", multiply_wide<f32x4>};
inline constexpr WaveOperation WIDE_32 = {"mfma_f32_32x32x64_f8f6f4", multiply_wide<f32x16>};

/** What a lane gives to a 16 x 16 x 32 instruction: 8 elements from K = 8 g on. */
template <typename Elements> struct Narrow {
  Elements a;
  Elements b;
  f32x4 c;
};

/** Elements as f32, 8 a lane. */
template <typename Elements> inline void widen(Elements elements, Decoder, float (&values)[8]) {
  for (unsigned k = 0; k < 8; k++) values[k] = (float)elements[k];
}
template <> inline void widen<u16x8>(u16x8 elements, Decoder, float (&values)[8]) {
  typedef uint32_t u32x8 __attribute__((ext_vector_type(8)));
  const u32x8 bits = __builtin_convertvector(elements, u32x8) << 16;
  memcpy(values, &bits, sizeof values);
}
template <> inline void widen<long>(long elements, Decoder decode, float (&values)[8]) {
  u8x16 codes = 0;
  memcpy(&codes, &elements, sizeof elements);
  const f32x16 decoded = decode(codes);
  memcpy(values, &decoded, sizeof values);
}

template <typename Elements, Decoder decode = nullptr> void multiply_narrow(void *const *operands) {
  Rows<16, 32> a;
  Rows<16, 32> columns;
  Columns<16, 32> b;
  Product<16> product;
  for (unsigned lane = 0; lane < 64; lane++) {
    const auto &operand = of_lane<Narrow<Elements>>(operands, lane);
    const unsigned row = lane % 16;
    const unsigned first = lane / 16 * 8;
    float values[8];
    widen<Elements>(operand.a, decode, values);
    memcpy(&a.at[row][first], values, sizeof values);
    widen<Elements>(operand.b, decode, values);
    memcpy(&columns.at[row][first], values, sizeof values);
  }
  transpose_rows(columns, b);
  plain_product(a, b, product);
  give_out<Narrow<Elements>>(product, operands);
}

inline constexpr WaveOperation BF16 = {"mfma_f32_16x16x32_bf16", multiply_narrow<u16x8>};
inline constexpr WaveOperation F16 = {"mfma_f32_16x16x32_f16", multiply_narrow<f16x8>};
inline constexpr WaveOperation FP8 = {"mfma_f32_16x16x32_fp8_fp8", multiply_narrow<long, decode_e4m3>};
inline constexpr WaveOperation FP8_FNUZ = {"mfma_f32_16x16x32_fp8_fp8", multiply_narrow<long, decode_e4m3_fnuz>};

template <typename Result>
MATRIX_CALL Result wide(const WaveOperation &operation, Wide<Result> operand) {
  wave(operation, operand);
  return operand.c;
}

template <typename Elements>
MATRIX_CALL f32x4 narrow(const WaveOperation &operation, Elements a, Elements b, f32x4 c) {
  Narrow<Elements> operand = {a, b, c};
  wave(operation, operand);
  return operand.c;
}

}  // namespace matrix

MATRIX_CALL matrix::f32x4 mfma_scale_f32_16x16x128_f8f6f4(matrix::i32x8 a, matrix::i32x8 b, matrix::f32x4 c, int a_format,
                                                                int b_format, int a_select, int a_scale, int b_select,
                                                                int b_scale) {
  return matrix::wide<matrix::f32x4>(
      matrix::WIDE_16, {a, b, c, a_format, b_format, true, a_select, (uint32_t)a_scale, b_select, (uint32_t)b_scale});
}

MATRIX_CALL preshuffle_cpu::f32x16 mfma_scale_f32_32x32x64_f8f6f4(matrix::i32x8 a, matrix::i32x8 b,
                                                                        preshuffle_cpu::f32x16 c, int a_format, int b_format,
                                                                        int a_select, int a_scale, int b_select, int b_scale) {
  return matrix::wide<preshuffle_cpu::f32x16>(
      matrix::WIDE_32, {a, b, c, a_format, b_format, true, a_select, (uint32_t)a_scale, b_select, (uint32_t)b_scale});
}

/** Without scales: clang has no builtin of this name, and takes the one above with constant zero scales for it. */
MATRIX_CALL matrix::f32x4 mfma_f32_16x16x128_f8f6f4(matrix::i32x8 a, matrix::i32x8 b, matrix::f32x4 c, int a_format,
                                                          int b_format) {
  return matrix::wide<matrix::f32x4>(matrix::WIDE_16, {a, b, c, a_format, b_format, false, 0, 0, 0, 0});
}

MATRIX_CALL preshuffle_cpu::f32x16 mfma_f32_32x32x64_f8f6f4(matrix::i32x8 a, matrix::i32x8 b, preshuffle_cpu::f32x16 c,
                                                                  int a_format, int b_format) {
  return matrix::wide<preshuffle_cpu::f32x16>(matrix::WIDE_32, {a, b, c, a_format, b_format, false, 0, 0, 0, 0});
}

// The last three numbers broadcast and negate; nobody uses them.
MATRIX_CALL matrix::f32x4 mfma_f32_16x16x32_bf16(matrix::bf16x8 a, matrix::bf16x8 b, matrix::f32x4 c, int, int, int) {
  typedef matrix::u16x8 Codes;
  return matrix::narrow(matrix::BF16, __builtin_bit_cast(Codes, a), __builtin_bit_cast(Codes, b), c);
}
MATRIX_CALL matrix::f32x4 mfma_f32_16x16x32_f16(matrix::f16x8 a, matrix::f16x8 b, matrix::f32x4 c, int, int, int) {
  return matrix::narrow(matrix::F16, a, b, c);
}
MATRIX_CALL matrix::f32x4 mfma_f32_16x16x32_fp8_fp8(long a, long b, matrix::f32x4 c, int, int, int) {
#ifdef PRESHUFFLE_HIP_CPU_GFX942
  return matrix::narrow(matrix::FP8_FNUZ, a, b, c);
#else
  return matrix::narrow(matrix::FP8, a, b, c);
#endif
}

}  // namespace amdgcn
