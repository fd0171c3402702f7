// fp8 multiplication for many tokens: 256x256 by 8 waves, two on each SIMD. Both matrices go through LDS. The waves of one
// half of the rows run one phase ahead of those of the other, so that on every SIMD one wave multiplies (8 matrix instructions,
// 256 clocks) while the other reads its next operands, starts copies and adds its last products up; then they change places.
// A block of K has four such pairs of phases, one for each quarter of what the wave computes.
//
// Copies are started one or two blocks ahead, into places that nobody reads any more:
// - x is copied by the group of waves that reads it, after a barrier behind the phase that used what was read from there;
// - w is copied two phase pairs after it was read, when the group that is late has read it, too;
// - before its last phase of a block each wave waits for its copies of the next block, and the group that is ahead passes one
//   more barrier before it reads them, which is the one behind the wait of the late group.
// targets: gfx950
#include "lib/gemm-fp8-stage.h"

// LDS: x of the first and second stage, each two halves of 128 rows; w likewise; scales.
constexpr u32 HALF = 128 * 128;
constexpr u32 X_STAGE = 2 * HALF;
constexpr u32 W_PLACE = 2 * X_STAGE;
constexpr u32 SCALE_PLACE = 2 * W_PLACE;
// 256 scales of x and 256 of w.
constexpr u32 SCALE_STAGE = 512 * 4;
constexpr u32 EIGHT_WAVES_LDS = SCALE_PLACE + 2 * SCALE_STAGE;

template <Scaling scaling> struct EightWaves {
  static constexpr bool SCALED = scaling == Scaling::blocks;
  // Copies that may be under way at the end of a block: those of the block after the next.
  static constexpr i32 WAIT_DEPTH = 6;

  const GemmFp8Args &a;
  LDS(u8) *const lds;
  const u32 lane;
  const u32 wave;
  const u32 r;
  const u32 g;
  // Which half of each 128 rows, and which 32 of each 128 columns.
  const u32 wave_m;
  const u32 wave_n;
  const TilePlace tile;
  const BlockRange part;
  const u32 m0;
  const u32 n0;
  // Of the upper and the lower 128 rows.
  Source x_rows[2];
  Stripes stripes;
  u32 copied_chunk;
  u32 x_offset;
  u32 w_offset;
  u32 x_place[2];
  // LDS beyond 64 KiB cannot be reached by the offset in the instruction: bases of their own.
  u32 w_place;
  u32 x_scale_place;
  u32 x_scale_offset;
  u32 w_scale_offset;
  i32x8 x[4];
  i32x8 w[2][2];
  f32x4 product[4][2];
  // Of the half of the rows that is worked on.
  f32x4 x_scale;
  f32 w_scale[2];
  // [quarter][subtile][stripe]
  f32x4 sum[4][4][2];

  METHOD EightWaves(const GemmFp8Args &args, LDS(u8) * memory)
      : a(args), lds(memory), lane((u32)lane_number()), wave((u32)wave_number()), r(lane & 15), g(lane >> 4),
        wave_m(wave / 4), wave_n(wave % 4), tile(tile_of(args)), part(blocks_of_part(args)), m0(tile.m * 256),
        n0(tile.n * 256) {
    x_rows[0] = rows_of_x(a, m0, 128);
    x_rows[1] = rows_of_x(a, smaller(m0 + 128, a.M), 128);
    stripes = stripes_of_w(a, n0, 16);
    // Of 128 rows, the first 64 belong to the waves of wave_m = 0. Place p of a half: subtile p / 128, row p / 8 % 16; tokens
    // are dealt so that row r of the 4 subtiles of a wave are neighbours.
    const u32 row = (wave_n * 8 + lane / 8) & 15;
    copied_chunk = (lane & 7) ^ (row & 7);
    x_offset = (wave_m * 64 + row * 4 + wave_n / 2) * a.K + copied_chunk * 16;
    // A copy brings half a stripe: chunks 0..3 by even waves, 4..7 by odd ones.
    w_offset = weight_offset(a, r, g + wave % 2 * 4);
    UNROLL
    for (u32 half = 0; half < 2; half++) x_place[half] = wave_m * 8192 + chunk_place(r, g + half * 4);
    w_place = W_PLACE + wave_n * 4096 + lane * 16;
    x_scale_place = SCALE_PLACE + (wave_m * 64 + r * 4) * 4;
    OPAQUE(w_place);
    OPAQUE(x_scale_place);
    // Even waves of each half of the tile bring the scales of the upper 128 rows, odd ones those of the lower.
    x_scale_offset = (wave_n % 2 * 128 + wave_m * 64 + lane) * a.x_scale_row * 4;
    w_scale_offset = scale_offset_of_w(a, n0 + wave % 4 * 64 + lane);
    UNROLL
    for (auto &quarter : sum) {
      UNROLL
      for (auto &subtile : quarter) {
        UNROLL
        for (f32x4 &one : subtile) one = same(0);
      }
    }
  }

  METHOD void cut_short(u32 block) {
    const ShortBlock last = short_block(a);
    last.cut(x_offset, copied_chunk, block);
    last.cut(w_offset, g + wave % 2 * 4, block);
  }
  METHOD void copy_x(u32 stage, u32 half, u32 block) {
    const bool live = block < part.end;
    const Buffer from = x_rows[half].when(live);
    UNROLL
    for (u32 i = 0; i < 2; i++) {
      LDS(u8) *to = lds + stage * X_STAGE + half * HALF + (wave_m * 8 + i * 4 + wave_n) * 1024;
      copy_to_lds<16>(from, (LDS(void) *)to, x_offset + i * 2 * a.K, offset_when(live, block * BLOCK_K));
    }
  }
  METHOD void copy_w(u32 stage, u32 half, u32 block) {
    const bool live = block < part.end;
    const Buffer from = stripes.source.when(live);
    UNROLL
    for (u32 i = 0; i < 2; i++) {
      LDS(u8) *to = lds + W_PLACE + stage * X_STAGE + half * HALF + (i * 8 + wave) * 1024;
      copy_to_lds<16>(from, (LDS(void) *)to, w_offset, offset_when(live, stripes.offset(half * 8 + i * 4 + wave / 2, block)));
    }
  }
  METHOD void copy_scales(u32 stage, u32 block) {
    if constexpr (SCALED) {
      const bool live = block < part.end;
      LDS(u8) *to = lds + SCALE_PLACE + stage * SCALE_STAGE;
      LDS(u8) *x_to = to + (wave_n % 2 * 128 + wave_m * 64) * 4;
      LDS(u8) *w_to = to + 1024 + wave_n * 256;
      copy_to_lds<4>(scales_of_x(a, m0, 256, block).when(live), (LDS(void) *)x_to, x_scale_offset);
      copy_to_lds<4>(scales_of_w(a, block).when(live), (LDS(void) *)w_to, w_scale_offset);
    }
  }

  METHOD void read_x(u32 stage, u32 half) {
    UNROLL
    for (u32 i = 0; i < 4; i++) x[i] = read_operand(lds + stage * X_STAGE + half * HALF + i * SUBTILE, x_place[0], x_place[1]);
  }
  METHOD void read_w(u32 stage, u32 half) {
    UNROLL
    for (u32 s = 0; s < 2; s++) {
      const u32 at = stage * X_STAGE + half * HALF + s * SUBTILE;
      w[half][s] = read_operand(lds + w_place + at, 0, 1024);
    }
  }
  METHOD void read_x_scale(u32 stage, u32 half) {
    if constexpr (SCALED) x_scale = *(const LDS(f32x4) *)(lds + x_scale_place + stage * SCALE_STAGE + half * 512);
  }
  METHOD void read_w_scales(u32 stage) {
    if constexpr (SCALED) {
      const LDS(u8) *from = lds + SCALE_PLACE + stage * SCALE_STAGE + 1024 + wave_n * 128;
      UNROLL
      for (u32 half = 0; half < 2; half++) w_scale[half] = *(const LDS(f32) *)(from + half * 512);
    }
  }

  // Quarter q: half q / 2 of the rows, half q % 2 of the columns. Between two barriers, while the other group fetches.
  METHOD void multiply_quarter(u32 q) {
    meet();
    set_priority<1>();
    UNROLL
    for (u32 i = 0; i < 4; i++) {
      UNROLL
      for (u32 s = 0; s < 2; s++) {
        if constexpr (SCALED) product[i][s] = multiply(w[q % 2][s], x[i], same(0));
        else sum[q][i][s] = multiply(w[q % 2][s], x[i], sum[q][i][s]);
      }
    }
    set_priority<0>();
    meet();
  }
  METHOD void add_quarter(u32 q) {
    if constexpr (SCALED) {
      const f32x4 scale = x_scale * same(w_scale[q % 2]);
      UNROLL
      for (u32 i = 0; i < 4; i++) {
        const f32 token = scale[i];
        UNROLL
        for (u32 s = 0; s < 2; s++) sum[q][i][s] = fused(product[i][s], same(token), sum[q][i][s]);
      }
    }
  }

  METHOD void block_of_k(u32 stage, u32 block) {
    read_w_scales(stage);
    read_x_scale(stage, 0);
    read_w(stage, 0);
    read_x(stage, 0);
    copy_x(stage ^ 1, 1, block + 1);
    copy_scales(stage ^ 1, block + 1);
    multiply_quarter(0);

    add_quarter(0);
    read_w(stage, 1);
    cut_short(block + 2);
    copy_x(stage, 0, block + 2);
    multiply_quarter(1);

    add_quarter(1);
    read_x_scale(stage, 1);
    read_x(stage, 1);
    copy_w(stage, 0, block + 2);
    multiply_quarter(2);

    add_quarter(2);
    copy_w(stage, 1, block + 2);
    wait_memory<WAIT_DEPTH>();
    multiply_quarter(3);

    add_quarter(3);
  }

  METHOD void run() {
    u32 block = part.begin;
    cut_short(block);
    copy_w(0, 0, block);
    copy_x(0, 0, block);
    copy_w(0, 1, block);
    copy_x(0, 1, block);
    copy_scales(0, block);
    // Before the groups part: the one that is ahead reads what the other one has copied.
    wait_memory<0>();
    meet();
    cut_short(block + 1);
    copy_x(1, 0, block + 1);
    copy_w(1, 0, block + 1);
    copy_w(1, 1, block + 1);
    if (wave_m == 1) meet();
    // No part is empty. With an odd number of blocks the last one multiplies zeros.
    do {
      block_of_k(0, block);
      block_of_k(1, block + 1);
      block += 2;
    } while (block < part.end);
    if (wave_m == 0) meet();
  }

  METHOD void finish() {
    UNROLL
    for (u32 q = 0; q < 4; q++) {
      if constexpr (SCALED) break;
      f32x4 w_scales[2];
      UNROLL
      for (u32 s = 0; s < 2; s++) w_scales[s] = row_scales_of_w(a, n0 + q % 2 * 128 + wave_n * 32 + s * 16 + g * 4);
      UNROLL
      for (u32 i = 0; i < 4; i++) {
        const f32x4 x_scales = same(row_scale_of_x(a, m0 + q / 2 * 128 + wave_m * 64 + r * 4 + i));
        // The weight's first, as AITER's kernels do.
        UNROLL
        for (u32 s = 0; s < 2; s++) sum[q][i][s] = sum[q][i][s] * w_scales[s] * x_scales;
      }
    }
    with_output(a.y_format, [&](auto format) {
      const Results<decltype(format)::format> results(a, m0, 256);
      UNROLL
      for (u32 q = 0; q < 4; q++) {
        UNROLL
        for (u32 s = 0; s < 2; s++) {
          const u32 n = n0 + q % 2 * 128 + wave_n * 32 + s * 16 + g * 4;
          u32 place = results.place(q / 2 * 128 + wave_m * 64 + r * 4, n);
          UNROLL
          for (u32 i = 0; i < 4; i++, place += results.row_bytes) results.store(place, sum[q][i][s]);
        }
      }
    });
  }
};

#define EIGHT_WAVES(name, scaling) \
  PRESHUFFLE_KERNEL_WAVES(name, GemmFp8Args, 512, 2) { \
    SHARED(u8, memory, EIGHT_WAVES_LDS); \
    EightWaves<scaling> kernel(a, (LDS(u8) *)memory); \
    kernel.run(); \
    kernel.finish(); \
  }

EIGHT_WAVES(gemm_fp8_256x256_blocks, Scaling::blocks)
EIGHT_WAVES(gemm_fp8_256x256_rows, Scaling::rows)
