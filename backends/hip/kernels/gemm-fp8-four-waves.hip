// fp8 multiplication for up to a few hundred tokens: 4 waves side by side along N. Tokens go through LDS, which all waves read;
// weights go straight to the registers of the one wave that needs them. Both are fetched one block of K ahead.
//
// A step is written down in the order in which it is to run: the compiler would put each addition right behind its matrix
// instruction, and wait for it.
// targets: gfx950
#include "lib/gemm-fp8-stage.h"

template <i32 ROWS, i32 COLUMNS, Scaling scaling> struct FourWaves {
  static constexpr i32 WAVES = 4;
  // Subtiles of 16 tokens, and stripes of 16 weights of a wave.
  static constexpr i32 SUBTILES = ROWS / 16;
  static constexpr i32 STRIPES = COLUMNS / 16 / WAVES;
  static constexpr i32 PRODUCTS = SUBTILES * STRIPES;
  // Copies of a wave that bring its share of x.
  static constexpr i32 COPIES = SUBTILES * SUBTILE / (WAVES * 64 * 16);
  // A product is there so many matrix instructions later; asked for sooner, the wave would wait.
  static constexpr i32 BEHIND = 3;
  static constexpr bool SCALED = scaling != Scaling::rows;

  struct Stage {
    LDS(u8) * x;
    LDS(f32) * x_scale;
    LDS(f32) * w_scale;
  };

  const GemmFp8Args &a;
  const u32 lane;
  const u32 wave;
  const u32 r;
  const u32 g;
  const TilePlace tile;
  const BlockRange part;
  // First row and first column of the wave.
  const u32 m0;
  const u32 n0;
  Source x_rows;
  Stripes stripes;
  // Of the chunk that this lane copies: the same for all its copies.
  u32 copied_chunk;
  u32 x_offset[COPIES];
  u32 w_offset[2];
  u32 x_place[2];
  u32 x_scale_offset;
  u32 w_scale_offset;
  i32x8 w[2][STRIPES];
  f32x4 sum[SUBTILES][STRIPES];

  METHOD explicit FourWaves(const GemmFp8Args &args)
      : a(args), lane((u32)lane_number()), wave((u32)wave_number()), r(lane & 15), g(lane >> 4), tile(tile_of(args)),
        part(blocks_of_part(args)), m0(tile.m * ROWS), n0(tile.n * COLUMNS + wave * (STRIPES * 16)) {
    x_rows = rows_of_x(a, m0, ROWS);
    stripes = stripes_of_w(a, n0, STRIPES);
    // Place p of LDS is filled by lane p % 64: subtile p / 128, row p / 8 % 16. Tokens are dealt so that the row r of all
    // subtiles together are neighbours, and a lane's scales, too.
    const u32 row = (wave * 8 + lane / 8) & 15;
    copied_chunk = (lane & 7) ^ (row & 7);
    UNROLL
    for (u32 i = 0; i < COPIES; i++) {
      const u32 subtile = i * 2 + wave / 2;
      x_offset[i] = (row * SUBTILES + subtile) * a.K + copied_chunk * 16;
    }
    UNROLL
    for (u32 half = 0; half < 2; half++) {
      w_offset[half] = weight_offset(a, r, g + half * 4);
      x_place[half] = chunk_place(r, g + half * 4);
    }
    // 64 scales a wave; where there are fewer, two waves bring the same ones.
    x_scale_offset = (wave % (ROWS / 64) * 64 + lane) * a.x_scale_row * 4;
    w_scale_offset = scale_offset_of_w(a, tile.n * COLUMNS + wave % (COLUMNS / 64) * 64 + lane);
    UNROLL
    for (auto &row_of_sums : sum) {
      UNROLL
      for (f32x4 &one : row_of_sums) one = same(0);
    }
  }

  METHOD void copy_x(const Stage &to, u32 block, u32 i) {
    const bool live = block < part.end;
    LDS(u8) *place = to.x + (i * WAVES + wave) * 1024;
    copy_to_lds<16>(x_rows.when(live), (LDS(void) *)place, x_offset[i], offset_when(live, block * BLOCK_K));
  }
  METHOD void load_w(u32 slot, u32 block, u32 s) {
    const bool live = block < part.end;
    const Buffer from = stripes.source.when(live);
    const u32 at = offset_when(live, stripes.offset(s, block));
    w[slot][s] = fp8_operand(buffer_load<i32x4>(from, w_offset[0], at), buffer_load<i32x4>(from, w_offset[1], at));
  }
  METHOD void copy_scales(const Stage &to, u32 block) {
    if constexpr (SCALED) {
      const bool live = block < part.end;
      LDS(f32) *of_x = to.x_scale + wave % (ROWS / 64) * 64;
      LDS(f32) *of_w = to.w_scale + wave % (COLUMNS / 64) * 64;
      copy_to_lds<4>(scales_of_x(a, m0, ROWS, block).when(live), (LDS(void) *)of_x, x_scale_offset);
      copy_to_lds<4>(scales_of_w(a, block).when(live), (LDS(void) *)of_w, w_scale_offset);
    }
  }
  METHOD void cut_short(u32 block) {
    const ShortBlock last = short_block(a);
    UNROLL
    for (u32 &offset : x_offset) last.cut(offset, copied_chunk, block);
    UNROLL
    for (u32 half = 0; half < 2; half++) last.cut(w_offset[half], g + half * 4, block);
  }

  // Multiplies what is in `now` and w[slot], and fetches `block` to `next` and the other slot meanwhile.
  METHOD void step(const Stage &now, const Stage &next, u32 slot, u32 block) {
    cut_short(block);
    i32x8 x[2];
    f32x4 product[BEHIND + 1];
    f32x4 x_scale[SUBTILES / 4];
    [[maybe_unused]] f32x4 w_scale[STRIPES];
    x[0] = read_operand(now.x, x_place[0], x_place[1]);
    if constexpr (SCALED) {
      UNROLL
      for (i32 i = 0; i < SUBTILES / 4; i++) x_scale[i] = *(const LDS(f32x4) *)(now.x_scale + r * SUBTILES + i * 4);
      const LDS(f32) *scales = now.w_scale + wave * (STRIPES * 16);
      if constexpr (scaling == Scaling::blocks) {
        UNROLL
        for (f32x4 &four : x_scale) four *= same(scales[0]);
      } else {
        UNROLL
        for (i32 s = 0; s < STRIPES; s++) w_scale[s] = *(const LDS(f32x4) *)(scales + s * 16 + g * 4);
      }
    }
    sched_fence();
    UNROLL
    for (i32 q = 0; q < PRODUCTS + BEHIND; q++) {
      if (q < PRODUCTS) {
        const i32 i = q / STRIPES, s = q % STRIPES;
        if constexpr (SCALED) product[q % (BEHIND + 1)] = multiply(w[slot][s], x[i & 1], same(0));
        else sum[i][s] = multiply(w[slot][s], x[i & 1], sum[i][s]);
        if (s == 0 && i + 1 < SUBTILES) x[(i + 1) & 1] = read_operand(now.x + (i + 1) * SUBTILE, x_place[0], x_place[1]);
      }
      if (q < COPIES) copy_x(next, block, q);
      else if (q < COPIES + STRIPES) load_w(slot ^ 1, block, q - COPIES);
      else if (q == COPIES + STRIPES) copy_scales(next, block);
      if (SCALED && q >= BEHIND) {
        const i32 p = q - BEHIND, i = p / STRIPES, s = p % STRIPES;
        const f32 token = x_scale[i >> 2][i & 3];
        f32x4 scale = same(token);
        if constexpr (scaling == Scaling::columns) scale *= w_scale[s];
        sum[i][s] = fused(product[p % (BEHIND + 1)], scale, sum[i][s]);
      }
      sched_fence();
    }
  }

  METHOD void run(const Stage &first, const Stage &second) {
    cut_short(part.begin);
    UNROLL
    for (u32 i = 0; i < COPIES; i++) copy_x(first, part.begin, i);
    UNROLL
    for (u32 s = 0; s < STRIPES; s++) load_w(0, part.begin, s);
    copy_scales(first, part.begin);
    // No part is empty. With an odd number of blocks the last step multiplies zeros.
    u32 block = part.begin;
    do {
      wait_memory<0>();
      meet();
      step(first, second, 0, block + 1);
      wait_memory<0>();
      meet();
      step(second, first, 1, block + 2);
      block += 2;
    } while (block < part.end);
  }

  METHOD void finish() {
    f32x4 w_scale[STRIPES];
    if constexpr (!SCALED) {
      UNROLL
      for (u32 s = 0; s < STRIPES; s++) w_scale[s] = row_scales_of_w(a, n0 + s * 16 + g * 4);
      UNROLL
      for (u32 i = 0; i < SUBTILES; i++) {
        const f32x4 x_scale = same(row_scale_of_x(a, m0 + r * SUBTILES + i));
        // The weight's first, as AITER's kernels do.
        UNROLL
        for (u32 s = 0; s < STRIPES; s++) sum[i][s] = sum[i][s] * w_scale[s] * x_scale;
      }
    }
    with_output(a.y_format, [&](auto format) {
      const Results<decltype(format)::format> results(a, m0, ROWS);
      UNROLL
      for (u32 s = 0; s < STRIPES; s++) {
        u32 place = results.place(r * SUBTILES, n0 + s * 16 + g * 4);
        UNROLL
        for (u32 i = 0; i < SUBTILES; i++, place += results.row_bytes) results.store(place, sum[i][s]);
      }
    });
  }
};

#define FOUR_WAVES(name, rows, columns, scaling, waves) \
  PRESHUFFLE_KERNEL_WAVES(name, GemmFp8Args, 256, waves) { \
    SHARED(u8, x_first, (rows) * 128); \
    SHARED(u8, x_second, (rows) * 128); \
    SHARED(f32, scales_first, (rows) + (columns)); \
    SHARED(f32, scales_second, (rows) + (columns)); \
    typedef FourWaves<rows, columns, scaling> Kernel; \
    LDS(f32) *first = (LDS(f32) *)scales_first; \
    LDS(f32) *second = (LDS(f32) *)scales_second; \
    Kernel kernel(a); \
    kernel.run({(LDS(u8) *)x_first, first, first + (rows)}, {(LDS(u8) *)x_second, second, second + (rows)}); \
    kernel.finish(); \
  }

FOUR_WAVES(gemm_fp8_64x128_blocks, 64, 128, Scaling::blocks, 3)
FOUR_WAVES(gemm_fp8_64x128_columns, 64, 128, Scaling::columns, 3)
FOUR_WAVES(gemm_fp8_64x128_rows, 64, 128, Scaling::rows, 3)
FOUR_WAVES(gemm_fp8_128x128_blocks, 128, 128, Scaling::blocks, 2)
FOUR_WAVES(gemm_fp8_128x128_columns, 128, 128, Scaling::columns, 2)
FOUR_WAVES(gemm_fp8_128x128_rows, 128, 128, Scaling::rows, 2)
FOUR_WAVES(gemm_fp8_128x256_blocks, 128, 256, Scaling::blocks, 2)
FOUR_WAVES(gemm_fp8_128x256_rows, 128, 256, Scaling::rows, 2)
