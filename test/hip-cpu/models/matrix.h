// Products of small matrices as the matrix instructions do them: 64 lanes hold the operands and share the result.
//
// Layouts: a lane of row r (of A; column of B) and group g = lane / rows holds a few neighbouring elements along K. With S rows
// there are 64 / S groups. Element (i, j) of the result is with the lane of column j and group i / 4 % (64 / S). The hardware's
// order of additions is not documented; here it is that of K, and the addend comes last.
#pragma once
#include <cstdint>
#include <cstring>

#include "decode.h"

namespace preshuffle_cpu {

/** Without this, clang halves the vectors of AVX-512 and has no registers left. */
#define WHOLE_VECTORS __attribute__((min_vector_width(512)))

/** Of A and B^T: a row's elements lie together. */
template <unsigned S, unsigned K> struct Rows {
  alignas(64) float at[S][K];
};

/** Of B: for each k its columns, 16 to a vector. */
template <unsigned S, unsigned K> struct Columns {
  f32x16 at[K][S / 16];
};

/** Eight-bit codes, or four-bit ones in a byte each. */
template <unsigned S, unsigned K> struct Codes {
  alignas(64) uint8_t at[S][K];
};

typedef f32x16 (*Decoder)(u8x16 codes);

template <unsigned S, unsigned K, Decoder decode> WHOLE_VECTORS void decode_rows(const Codes<S, K> &codes, Rows<S, K> &rows) {
  for (unsigned row = 0; row < S; row++) {
    for (unsigned k = 0; k < K; k += 16) {
      u8x16 some;
      memcpy(&some, &codes.at[row][k], sizeof some);
      const f32x16 values = decode(some);
      memcpy(&rows.at[row][k], &values, sizeof values);
    }
  }
}

/** Rows of 16 elements become columns: interleaves row i with row i + 8, four times. */
template <typename Row> WHOLE_VECTORS inline void interleave(Row (&block)[16]) {
#pragma clang loop unroll(full)
  for (int step = 0; step < 4; step++) {
    Row next[16];
    for (int pair = 0; pair < 8; pair++) {
      const Row a = block[pair];
      const Row b = block[pair + 8];
      next[2 * pair] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * pair + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(block, next, sizeof next);
  }
}

template <unsigned S, unsigned K, Decoder decode>
WHOLE_VECTORS void decode_columns(const Codes<S, K> &codes, Columns<S, K> &columns) {
  for (unsigned first = 0; first < S; first += 16) {
    for (unsigned k = 0; k < K; k += 16) {
      u8x16 block[16];
      for (unsigned column = 0; column < 16; column++) memcpy(&block[column], &codes.at[first + column][k], 16);
      interleave(block);
      for (unsigned step = 0; step < 16; step++) columns.at[k + step][first / 16] = decode(block[step]);
    }
  }
}

/** sums[i] = row i times 16 columns, over K elements from `k` on. */
template <unsigned S, unsigned K>
WHOLE_VECTORS inline void multiply(const Rows<S, K> &a, unsigned row, const Columns<S, K> &b, unsigned tile, unsigned k, unsigned count,
                     f32x16 (&sums)[16]) {
  f32x16 sum[16] = {};
  for (const unsigned end = k + count; k < end; k++) {
    const f32x16 column = b.at[k][tile];
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; i++) sum[i] = __builtin_elementwise_fma((f32x16)(a.at[row + i][k]), column, sum[i]);
  }
  for (unsigned i = 0; i < 16; i++) sums[i] = sum[i];
}

/** Scales of blocks of 32 elements: e8m0 bytes. */
template <unsigned S, unsigned K> struct Scales {
  int32_t at[K / 32][S];
};

/** value * 2^(a + b - 254), and NaN where either byte is 255. In two steps: one factor alone may leave the range of f32. */
WHOLE_VECTORS inline f32x16 scale(f32x16 value, int32_t a, i32x16 b) {
  const i32x16 exponent = b + (a - 254);
  const i32x16 half = exponent >> 1;
  const f32x16 first = __builtin_bit_cast(f32x16, (half + 127) << 23);
  const f32x16 second = __builtin_bit_cast(f32x16, (exponent - half + 127) << 23);
  const i32x16 is_nan = (b == 255) | (i32x16)(a == 255 ? -1 : 0);
  return __builtin_bit_cast(f32x16, __builtin_bit_cast(i32x16, value * first * second) | (is_nan & 0x7fc00000));
}

/** The result of an S x S product; row i, columns in vectors of 16. */
template <unsigned S> struct Product {
  f32x16 at[S][S / 16];
};

typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef double f64x8 __attribute__((ext_vector_type(8)));

/** The columns of four rows. By shuffles, since gathering is slow on hosts that must hide what their gathers leave behind. */
template <unsigned TILES>
WHOLE_VECTORS inline void to_columns(const f32x16 (*rows)[TILES], unsigned tile, f32x4 (&columns)[16]) {
  const f32x16 a = rows[0][tile], b = rows[1][tile], c = rows[2][tile], d = rows[3][tile];
  // Pairs of a and b, of c and d; then pairs of these pairs.
  const auto low = [](f32x16 x, f32x16 y) {
    return __builtin_bit_cast(f64x8, __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  };
  const auto high = [](f32x16 x, f32x16 y) {
    return __builtin_bit_cast(
        f64x8, __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  };
  const f64x8 pairs[2][2] = {{low(a, b), low(c, d)}, {high(a, b), high(c, d)}};
  for (unsigned half = 0; half < 2; half++) {
    const f64x8 first = __builtin_shufflevector(pairs[half][0], pairs[half][1], 0, 8, 1, 9, 2, 10, 3, 11);
    const f64x8 second = __builtin_shufflevector(pairs[half][0], pairs[half][1], 4, 12, 5, 13, 6, 14, 7, 15);
    memcpy(&columns[half * 8], &first, sizeof first);
    memcpy(&columns[half * 8 + 4], &second, sizeof second);
  }
}

/** Columns of 16 rows, each of which lies together. */
template <unsigned K> WHOLE_VECTORS void transpose_rows(const Rows<16, K> &rows, Columns<16, K> &columns) {
  for (unsigned k = 0; k < K; k += 16) {
    f32x16 block[16];
    for (unsigned row = 0; row < 16; row++) memcpy(&block[row], &rows.at[row][k], sizeof block[row]);
    interleave(block);
    for (unsigned step = 0; step < 16; step++) columns.at[k + step][0] = block[step];
  }
}

template <unsigned S, unsigned K>
WHOLE_VECTORS void plain_product(const Rows<S, K> &a, const Columns<S, K> &b, Product<S> &product) {
  for (unsigned row = 0; row < S; row += 16) {
    for (unsigned tile = 0; tile < S / 16; tile++) {
      f32x16 sums[16];
      multiply(a, row, b, tile, 0, K, sums);
      for (unsigned i = 0; i < 16; i++) product.at[row + i][tile] = sums[i];
    }
  }
}

template <unsigned S, unsigned K>
WHOLE_VECTORS void scaled_product(const Rows<S, K> &a, const Columns<S, K> &b, const Scales<S, K> &a_scales, const Scales<S, K> &b_scales,
                    Product<S> &product) {
  for (unsigned row = 0; row < S; row += 16) {
    for (unsigned tile = 0; tile < S / 16; tile++) {
      f32x16 total[16] = {};
      for (unsigned block = 0; block < K / 32; block++) {
        f32x16 sums[16];
        multiply(a, row, b, tile, block * 32, 32, sums);
        i32x16 columns;
        memcpy(&columns, &b_scales.at[block][tile * 16], sizeof columns);
        for (unsigned i = 0; i < 16; i++) total[i] += scale(sums[i], a_scales.at[block][row + i], columns);
      }
      for (unsigned i = 0; i < 16; i++) product.at[row + i][tile] = total[i];
    }
  }
}

}  // namespace preshuffle_cpu
