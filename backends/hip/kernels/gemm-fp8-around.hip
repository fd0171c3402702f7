// What the fp8 multiplications need before and after: partial sums added up, packed scales as numbers, ragged operands padded.
#include "lib/gemm-output.h"
#include "lib/gfx.h"

constexpr i32 THREADS = 256;

DEVICE u64 thread_number() { return (u64)(u32)group_x() * THREADS + (u32)thread_x(); }

struct SumPartsArgs {
  // [parts][rows][parts_row]
  const f32 *parts_of_y;
  // [rows][columns]
  void *y;
  u32 rows;
  u32 columns;
  // A multiple of 4.
  u32 parts_row;
  u32 parts;
  // OutputFormat.
  u32 y_format;
};

// y is the sum of its parts, always in the same order. A thread adds four elements.
PRESHUFFLE_KERNEL(gemm_fp8_sum_parts, SumPartsArgs, THREADS) {
  const u64 at = thread_number() * 4;
  const u64 count = (u64)a.rows * a.parts_row;
  if (at >= count) return;
  f32x4 sum = {0, 0, 0, 0};
  for (u32 part = 0; part < a.parts; part++) sum += *(const f32x4 *)(a.parts_of_y + part * count + at);
  const u32 column = (u32)(at % a.parts_row);
  const u64 to = at / a.parts_row * a.columns + column;
  with_output(a.y_format, [&](auto format) {
    const auto codes = rounded<decltype(format)::format>(sum);
    typedef decltype(rounded<decltype(format)::format>(f32x4{})) Codes;
    // Rows of y may start between words.
    if (a.columns % 4 == 0) ((Codes *)a.y)[to / 4] = codes;
    else {
      UNROLL
      for (u32 i = 0; i < 4; i++) {
        const auto code = codes[i];
        if (column + i >= a.columns) continue;
        if constexpr (sizeof(codes) == 8) ((u16 *)a.y)[to + i] = code;
        else ((f32 *)a.y)[to + i] = code;
      }
    }
  });
}

struct UnpackScalesArgs {
  // [words][rows_padded]: four exponents each, of neighbouring blocks of K.
  const u32 *packed;
  // [words * 4][rows_padded]
  f32 *scales;
  u32 words;
  u32 rows_padded;
};

// A byte is the exponent field of a float32, 0 is zero.
PRESHUFFLE_KERNEL(gemm_fp8_unpack_scales, UnpackScalesArgs, THREADS) {
  const u64 at = thread_number();
  if (at >= (u64)a.words * a.rows_padded) return;
  const u32 word = (u32)(at / a.rows_padded);
  const u32 row = (u32)(at % a.rows_padded);
  const u32 exponents = a.packed[at];
  UNROLL
  for (u32 i = 0; i < 4; i++) {
    a.scales[(u64)(word * 4 + i) * a.rows_padded + row] = bits_as<f32>((exponents >> (i * 8) & 255) << 23);
  }
}

struct PadMatrixArgs {
  // Rows of `pitch` bytes, or shuffled stripes of 16 such rows.
  const u8 *from;
  // Rows of `padded_columns`, a multiple of 16.
  u8 *to;
  u32 rows;
  u32 columns;
  u32 pitch;
  u32 shuffled;
  u32 padded_rows;
  u32 padded_columns;
};

// Zeros after the last column and row. A thread writes 16 columns.
PRESHUFFLE_KERNEL(gemm_fp8_pad_matrix, PadMatrixArgs, THREADS) {
  const u32 chunks = a.padded_columns / 16;
  const u64 at = thread_number();
  if (at >= (u64)a.padded_rows * chunks) return;
  const u32 row = (u32)(at / chunks);
  const u32 chunk = (u32)(at % chunks);
  const u8 *from = a.shuffled ? a.from + (u64)(row / 16 * 16) * a.pitch + chunk * 256 + row % 16 * 16
                              : a.from + (u64)row * a.pitch + chunk * 16;
  u32x4 bytes = {0, 0, 0, 0};
  UNROLL
  for (u32 i = 0; i < 16; i++) {
    const bool inside = row < a.rows && chunk * 16 + i < a.columns;
    bytes[i / 4] |= (inside ? (u32)from[i] : 0u) << (i % 4 * 8);
  }
  ((u32x4 *)a.to)[at] = bytes;
}
