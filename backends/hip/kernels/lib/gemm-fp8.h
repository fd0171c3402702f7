// What the fp8 multiplications y = x * transposed(w) have in common: the argument, who does which tile, where operands lie.
//
// The weights are the rows of the matrix instruction and the tokens its columns. A lane then holds four neighbouring results
// of one token: the token's scale is one number a lane, the weights' one of the whole wave, and stores are wide.
#pragma once
#include "gemm-output.h"
#include "gfx.h"

struct GemmFp8Args {
  // e4m3 [M, K].
  const u8 *x;
  // e4m3, whole stripes of 16 rows: shuffled [N / 16][K / 16][16][16], or rows of the same length.
  const u8 *w;
  const f32 *x_scale;
  const f32 *w_scale;
  // Rows of y_row elements; where K is divided into parts, float32 [parts, M, y_row].
  void *y;
  u32 M;
  u32 N;
  // A multiple of 16.
  u32 K;
  // Bytes of a stripe of w.
  u32 w_stripe;
  u32 w_shuffled;
  // Numbers from the scale of a row to that of the next, and from that of 128 columns to that of the next 128.
  u32 x_scale_row;
  u32 x_scale_block;
  u32 w_scale_row;
  u32 w_scale_block;
  // Rows of w that share a scale.
  u32 w_rows_a_scale;
  // At least N, and a multiple of 4.
  u32 y_row;
  // OutputFormat.
  u32 y_format;
  u32 tiles_m;
  u32 tiles_n;
  // Rows of tiles that are worked on at the same time, see tile_of().
  u32 tiles_together;
  // Blocks of 128 columns of K in each part.
  u32 part_blocks;
};

// How a dot product over 128 columns is scaled.
enum class Scaling {
  // x: a scale for every row and block; w: one for (at least) 64 rows, so that a wave has one a block.
  blocks,
  // w has a scale for fewer rows.
  columns,
  // One scale for all columns: nothing to do but at the end.
  rows,
};

#ifdef PRESHUFFLE_HIP_CPU
#define METHOD INLINE
#else
#define METHOD __attribute__((device, always_inline)) inline
#endif

constexpr u32 BLOCK_K = 128;
// An offset beyond every buffer: reads as zero. Uniform offsets (below 2^31) on top of it do not wrap around.
constexpr u32 OUTSIDE = 0x80000000;

DEVICE u32 smaller(u32 a, u32 b) { return a < b ? a : b; }
DEVICE u32 divided_up(u32 a, u32 b) { return (a + b - 1) / b; }

struct TilePlace {
  u32 m;
  u32 n;
};

// The hardware hands workgroups to the 8 dies in turn, and each die has a second-level cache of its own. So a die gets
// neighbouring tiles: first the numbering is undone, then a few rows of tiles are passed through column by column, so that
// those which run together share rows of x and of w.
DEVICE TilePlace tile_of(const GemmFp8Args &a) {
  constexpr u32 DIES = 8;
  const u32 count = a.tiles_m * a.tiles_n;
  const u32 id = (u32)group_x();
  const u32 die = id % DIES;
  const u32 place = die * (count / DIES) + smaller(die, count % DIES) + id / DIES;
  const u32 in_group = a.tiles_together * a.tiles_n;
  const u32 first = place / in_group * a.tiles_together;
  const u32 height = smaller(a.tiles_together, a.tiles_m - first);
  const u32 rest = place % in_group;
  return {first + rest % height, rest / height};
}

// Blocks of K of this workgroup.
struct BlockRange {
  u32 begin;
  u32 end;
};
DEVICE BlockRange blocks_of_part(const GemmFp8Args &a) {
  const u32 begin = (u32)group_y() * a.part_blocks;
  return {begin, smaller(begin + a.part_blocks, divided_up(a.K, BLOCK_K))};
}

// A range of memory that is read block after block of K. Past the last block it is empty: loads then bring zeros and cost no
// traffic, and no loop needs an end of its own.
struct Source {
  const void *base;
  u32 bytes;
  METHOD Buffer when(bool live) const { return make_buffer(base, live ? bytes : 0); }
};

// The uniform offset into a source: 0 into an empty one, which may not be checked. Not by `?:`, of which a branch can be made.
DEVICE u32 offset_when(bool live, u32 offset) { return offset & (0u - (u32)live); }

// Up to `rows` rows of x from row m0 on; none from row M on.
DEVICE Source rows_of_x(const GemmFp8Args &a, u32 m0, u32 rows) {
  return {a.x + (u64)m0 * a.K, smaller(rows, a.M - m0) * a.K};
}

// Scales of these rows in one block of K.
DEVICE Source scales_of_x(const GemmFp8Args &a, u32 m0, u32 rows, u32 block) {
  return {a.x_scale + (u64)m0 * a.x_scale_row + (u64)block * a.x_scale_block,
          ((smaller(rows, a.M - m0) - 1) * a.x_scale_row + 1) * 4};
}

// All scales of w in one block of K.
DEVICE Source scales_of_w(const GemmFp8Args &a, u32 block) {
  return {a.w_scale + (u64)block * a.w_scale_block, ((a.N - 1) / a.w_rows_a_scale * a.w_scale_row + 1) * 4};
}
// The place of the scale of a row of w there; rows that do not exist take the last one's.
DEVICE u32 scale_offset_of_w(const GemmFp8Args &a, u32 n) {
  return smaller(n, a.N - 1) / a.w_rows_a_scale * a.w_scale_row * 4;
}

// Stripes of 16 rows of w from row n0 on, in whole: those that do not exist are read as the last one, and never stored.
struct Stripes {
  Source source;
  u32 first;
  u32 last;
  u32 bytes;
  // Bytes from one block of K to the next.
  u32 step;

  METHOD u32 offset(u32 stripe, u32 block) const {
    return (smaller(first + stripe, last) - first) * bytes + block * step;
  }
};
DEVICE Stripes stripes_of_w(const GemmFp8Args &a, u32 n0, u32 count) {
  const u32 last = (a.N - 1) / 16;
  const u32 first = smaller(n0 / 16, last);
  return {{a.w + (u64)first * a.w_stripe, smaller(count, last - first + 1) * a.w_stripe},
          first,
          last,
          a.w_stripe,
          a.w_shuffled ? 2048u : BLOCK_K};
}

// Where a lane finds its 16 bytes of row r, chunk c (16 columns each) of a stripe.
DEVICE u32 weight_offset(const GemmFp8Args &a, u32 r, u32 c) {
  return a.w_shuffled ? c * 256 + r * 16 : r * (a.w_stripe / 16) + c * 16;
}

// The last block of K may be shorter. Chunks (of 16 columns) beyond its end are another row's: their offset is moved outside
// of the buffer before they are asked for, and needs not come back, since the block is the last one. Without branches: the
// compiler would move arithmetic across them, out of the shadow of the matrix instructions.
struct ShortBlock {
  u32 block;
  u32 columns;
  METHOD void cut(u32 &offset, u32 chunk, u32 now) const {
    offset = now == block && chunk * 16 >= columns ? OUTSIDE : offset;
    // Not to keep both in registers.
    OPAQUE(offset);
  }
};
DEVICE ShortBlock short_block(const GemmFp8Args &a) { return {a.K / BLOCK_K, a.K % BLOCK_K}; }

DEVICE f32x4 multiply(i32x8 w, i32x8 x, f32x4 sum) { return mfma_16x16x128<FORMAT_E4M3, FORMAT_E4M3>(w, x, sum); }

DEVICE f32x4 fused(f32x4 a, f32x4 b, f32x4 sum) { return __builtin_elementwise_fma(a, b, sum); }
DEVICE f32x4 same(f32 value) { return f32x4{value, value, value, value}; }
// The same in a pair of registers of its own. Packed instructions name pairs: where the other half is something that is still
// being loaded, the compiler waits for it, though only one half is read.
DEVICE f32x4 same_alone(f32 value) {
  u64 pair = (u64)bits_as<u32>(value) << 32 | bits_as<u32>(value);
  OPAQUE(pair);
  const f32x2 both = bits_as<f32x2>(pair);
  return __builtin_shufflevector(both, both, 0, 1, 0, 1);
}

// Scaling::rows: the scale of a row of x, and those of four rows of w.
DEVICE f32 row_scale_of_x(const GemmFp8Args &a, u32 m) { return a.x_scale[(u64)smaller(m, a.M - 1) * a.x_scale_row]; }
DEVICE f32x4 row_scales_of_w(const GemmFp8Args &a, u32 n) {
  const auto scale = [&](u32 row) { return *(const f32 *)((const u8 *)a.w_scale + scale_offset_of_w(a, row)); };
  return f32x4{scale(n), scale(n + 1), scale(n + 2), scale(n + 3)};
}

// y from row m0 on, `rows` of them. Four results at a time, without branches: what does not exist lies outside.
template <OutputFormat format> struct Results {
  static constexpr u32 BYTES = output_bytes<format>();
  Buffer buffer;
  u32 row_bytes;
  u32 columns;

  METHOD Results(const GemmFp8Args &a, u32 m0, u32 rows) : row_bytes(a.y_row * BYTES), columns(a.y_row) {
    const u64 first = (u64)group_y() * a.M + m0;
    buffer = make_buffer((u8 *)a.y + first * row_bytes, smaller(rows, a.M - m0) * row_bytes);
  }
  METHOD u32 place(u32 row, u32 n) const { return n < columns ? row * row_bytes + n * BYTES : OUTSIDE; }
  METHOD void store(u32 place, f32x4 values) const { buffer_store(buffer, rounded<format>(values), place); }
};
