// fp8 multiplication for a few tokens: tiles of 16 rows. It is as fast as the weights come, so nothing goes through LDS: the
// 4 waves divide K among them, and each keeps several blocks of its own columns on the way to registers.
// targets: gfx950
#include "lib/gemm-fp8.h"

template <i32 STRIPES, i32 DEPTH, Scaling scaling> struct Decode {
  static constexpr i32 WAVES = 4;
  static constexpr i32 COLUMNS = STRIPES * 16;
  // Of a lane.
  static constexpr i32 W_SCALES = scaling == Scaling::columns ? STRIPES * 4 : 1;

  const GemmFp8Args &a;
  const u32 wave;
  // Row of the tile and of each stripe, and which 16 columns of each half of a block.
  const u32 r;
  const u32 g;
  const TilePlace tile;
  Source x_rows;
  Stripes stripes;
  u32 x_offset[2];
  u32 w_offset[2];
  u32 x_scale_offset;
  u32 w_scale_offset[W_SCALES];
  // Blocks on their way.
  i32x8 x[DEPTH];
  i32x8 w[DEPTH][STRIPES];
  f32 x_scale[DEPTH];
  // As loaded: arithmetic on them before they are needed would wait for everything that was loaded earlier.
  f32 w_scale[DEPTH][W_SCALES];
  f32x4 sum[STRIPES];

  METHOD explicit Decode(const GemmFp8Args &args)
      : a(args), wave((u32)wave_number()), r((u32)lane_number() & 15), g((u32)lane_number() >> 4), tile(tile_of(args)) {
    x_rows = rows_of_x(a, tile.m * 16, 16);
    stripes = stripes_of_w(a, tile.n * COLUMNS, STRIPES);
    UNROLL
    for (u32 half = 0; half < 2; half++) {
      x_offset[half] = r * a.K + (g + half * 4) * 16;
      w_offset[half] = weight_offset(a, r, g + half * 4);
    }
    x_scale_offset = r * a.x_scale_row * 4;
    UNROLL
    for (u32 i = 0; i < W_SCALES; i++) {
      const u32 column = scaling == Scaling::columns ? i / 4 * 16 + g * 4 + i % 4 : 0;
      w_scale_offset[i] = scale_offset_of_w(a, tile.n * COLUMNS + column);
    }
    UNROLL
    for (f32x4 &one : sum) one = same(0);
  }

  METHOD void load_scales(u32 slot, u32 block, bool live) {
    x_scale[slot] = buffer_load<f32>(scales_of_x(a, tile.m * 16, 16, block).when(live), x_scale_offset);
    const Buffer from = scales_of_w(a, block).when(live);
    UNROLL
    for (u32 i = 0; i < W_SCALES; i++) w_scale[slot][i] = buffer_load<f32>(from, w_scale_offset[i]);
  }

  METHOD void load(u32 slot, u32 block, u32 end) {
    const ShortBlock last = short_block(a);
    UNROLL
    for (u32 half = 0; half < 2; half++) {
      last.cut(x_offset[half], g + half * 4, block);
      last.cut(w_offset[half], g + half * 4, block);
    }
    const bool live = block < end;
    const Buffer weights = stripes.source.when(live);
    UNROLL
    for (u32 s = 0; s < STRIPES; s++) {
      const u32 at = offset_when(live, stripes.offset(s, block));
      w[slot][s] = fp8_operand(buffer_load<i32x4>(weights, w_offset[0], at), buffer_load<i32x4>(weights, w_offset[1], at));
    }
    const Buffer tokens = x_rows.when(live);
    const u32 at = offset_when(live, block * BLOCK_K);
    x[slot] = fp8_operand(buffer_load<i32x4>(tokens, x_offset[0], at), buffer_load<i32x4>(tokens, x_offset[1], at));
    if constexpr (scaling != Scaling::rows) load_scales(slot, block, live);
  }

  METHOD void compute(u32 slot) {
    UNROLL
    for (u32 s = 0; s < STRIPES; s++) {
      if constexpr (scaling == Scaling::rows) sum[s] = multiply(w[slot][s], x[slot], sum[s]);
      else {
        const f32 *const of_w = w_scale[slot];
        f32x4 scale = same_alone(of_w[0] * x_scale[slot]);
        if constexpr (scaling == Scaling::columns) {
          scale = f32x4{of_w[s * 4], of_w[s * 4 + 1], of_w[s * 4 + 2], of_w[s * 4 + 3]} * same(x_scale[slot]);
        }
        sum[s] = fused(multiply(w[slot][s], x[slot], same(0)), scale, sum[s]);
      }
    }
  }

  METHOD void blocks_of_wave() {
    const BlockRange part = blocks_of_part(a);
    const u32 each = divided_up(part.end - part.begin, WAVES);
    const u32 begin = smaller(part.begin + wave * each, part.end);
    const u32 end = smaller(begin + each, part.end);
    UNROLL
    for (u32 slot = 0; slot < DEPTH; slot++) {
      load(slot, begin + slot, end);
      // In the order of the loop: a wait counts what was asked for later, whichever way the wave came.
      sched_fence();
    }
    for (u32 block = begin; block < end; block += DEPTH) {
      UNROLL
      for (u32 slot = 0; slot < DEPTH; slot++) {
        compute(slot);
        load(slot, block + slot + DEPTH, end);
        sched_fence();
      }
    }
  }

  // Adds up the waves' sums, always in the same order, and stores.
  METHOD void finish(LDS(f32x4) * exchange) {
    const u32 lane = (u32)lane_number();
    UNROLL
    for (u32 s = 0; s < STRIPES; s++) exchange[(wave * STRIPES + s) * 64 + lane] = sum[s];
    barrier();
    if (wave >= STRIPES) return;
    f32x4 total = exchange[wave * 64 + lane];
    UNROLL
    for (u32 other = 1; other < WAVES; other++) total += exchange[(other * STRIPES + wave) * 64 + lane];
    const u32 m = tile.m * 16 + r;
    const u32 n = tile.n * COLUMNS + wave * 16 + g * 4;
    if constexpr (scaling == Scaling::rows) total = total * row_scales_of_w(a, n) * same(row_scale_of_x(a, m));
    with_output(a.y_format, [&](auto format) {
      const Results<decltype(format)::format> results(a, tile.m * 16, 16);
      results.store(results.place(r, n), total);
    });
  }
};

#define DECODE(name, stripes, depth, scaling, waves) \
  PRESHUFFLE_KERNEL_WAVES(name, GemmFp8Args, 256, waves) { \
    SHARED(f32x4, exchange, 4 * stripes * 64); \
    Decode<stripes, depth, scaling> decode(a); \
    decode.blocks_of_wave(); \
    decode.finish((LDS(f32x4) *)exchange); \
  }

DECODE(gemm_fp8_16x32_blocks, 2, 2, Scaling::blocks, 4)
DECODE(gemm_fp8_16x32_columns, 2, 2, Scaling::columns, 4)
DECODE(gemm_fp8_16x32_rows, 2, 2, Scaling::rows, 4)
DECODE(gemm_fp8_16x32_deep_blocks, 2, 4, Scaling::blocks, 4)
DECODE(gemm_fp8_16x32_deep_rows, 2, 4, Scaling::rows, 4)
DECODE(gemm_fp8_16x64_blocks, 4, 2, Scaling::blocks, 4)
DECODE(gemm_fp8_16x64_rows, 4, 2, Scaling::rows, 4)
