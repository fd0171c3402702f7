// y = x * transposed(w) of MXFP4 codes with shuffled weights and shuffled scales of both. A workgroup has a block of rows of x
// by 64 (few) or 256 (many) rows of w; which kernel is for how many rows, moe-tiles.ts.
// targets: gfx950
#include "lib/gemm-output.h"
#include "lib/mx-gemm.h"

struct GemmA4w4Args {
  // e2m1 [M, K], row-major.
  const u8 *x;
  // e2m1 [N / 16][K / 32][16 rows][16 bytes].
  const u8 *w;
  // Words of shuffled scales, rows padded to 256.
  const u32 *x_scale;
  const u32 *w_scale;
  // [M, N].
  void *y;
  u32 M;
  // A multiple of 16.
  u32 N;
  // K / 32.
  u32 scale_blocks;
  // Workgroups side by side.
  u32 groups_n;
  // OutputFormat.
  u32 y_format;
};

// Rows of w that a wave takes.
constexpr u32 UNIT_ROWS = BLOCKS_N * 16;

struct GemmWork {
  u32 block;
  // First row of w, below N.
  u32 n;
  // Whether there are rows for this wave.
  bool exists;
};

template <u32 units_per_group> DEVICE GemmWork find_work(const GemmA4w4Args &a) {
  const u32 id = (u32)group_x();
  GemmWork work;
  work.block = id / a.groups_n;
  u32 unit = (id - work.block * a.groups_n) * units_per_group;
  if (units_per_group > 1) unit += (u32)wave_number();
  work.exists = unit * UNIT_ROWS < a.N;
  work.n = work.exists ? unit * UNIT_ROWS : 0;
  return work;
}

template <u32 rows> DEVICE MxSources sources_of(const GemmA4w4Args &a, const GemmWork &work) {
  const u32 tiles = (a.scale_blocks + BLOCKS_PER_TILE - 1) / BLOCKS_PER_TILE;
  const u32 row_bytes = a.scale_blocks * 16;
  const u32 scale_group = tiles * 256;
  const u32 rows_n = a.N - work.n < UNIT_ROWS ? a.N - work.n : UNIT_ROWS;
  const u32 rows_m = a.M - work.block * rows < rows ? a.M - work.block * rows : rows;
  MxSources from;
  from.weights = make_buffer(a.w + (u64)work.n * row_bytes, rows_n * row_bytes);
  from.weight_scales = make_buffer((const u8 *)a.w_scale + (u64)(work.n / 32) * scale_group, 2 * scale_group);
  UNROLL
  for (u32 j = 0; j < BLOCKS_N; j++) from.place.block[j] = j * 16 < rows_n ? j * 16 * row_bytes : 0;
  UNROLL
  for (u32 j = 0; j < 2; j++) from.place.group[j] = j * scale_group;
  from.tokens = make_buffer(a.x + (u64)work.block * rows * row_bytes, rows_m * row_bytes);
  from.token_scales = make_buffer((const u8 *)a.x_scale + (u64)work.block * rows / 32 * scale_group, (rows + 31) / 32 * scale_group);
  from.token_scale_group = scale_group;
  from.second_block = rows == 16 ? work.block & 1 : 0;
  from.scale_blocks = a.scale_blocks;
  from.tiles = tiles;
  return from;
}

DEVICE void store(const GemmA4w4Args &a, const GemmWork &work, u32 row, u32 block, f32x4 sum) {
  const u32 n = work.n + block * 16 + ((u32)lane_number() >> 4) * 4;
  if (row >= a.M || n >= a.N) return;
  with_output(a.y_format, [&](auto output) {
    const auto codes = rounded<decltype(output)::format>(sum);
    ((decltype(rounded<decltype(output)::format>(sum)) *)a.y)[((u64)row * a.N + n) / 4] = codes;
  });
}

template <u32 blocks_m> DEVICE void gemm_of_few(const GemmA4w4Args &a, LDS(f32x4) * exchange) {
  const GemmWork work = find_work<1>(a);
  const u32 r = (u32)lane_number() & 15;
  u32 offsets[blocks_m];
  // Rows beyond the last lie outside of the buffer.
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) offsets[i] = (i * 16 + r) * a.scale_blocks * 16;
  f32x4 sums[blocks_m][BLOCKS_N] = {};
  multiply_in_turns<Tokens::fp4, blocks_m>(sums, sources_of<blocks_m * 16>(a, work), offsets);
  exchange_sums<blocks_m>(exchange, sums);
  const u32 block = (u32)wave_number();
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    store(a, work, (work.block * blocks_m + i) * 16 + r, block, sum_of_waves<blocks_m>(exchange, i, block));
  }
}

template <u32 blocks_m> DEVICE void gemm_of_many(const GemmA4w4Args &a, LDS(u8) * first, LDS(u8) * second) {
  const GemmWork work = find_work<WAVES>(a);
  const auto copies = plan_copies<Tokens::fp4, blocks_m * 16>([&](u32 row) { return row * a.scale_blocks * 16; });
  f32x4 sums[blocks_m][BLOCKS_N] = {};
  multiply_together<Tokens::fp4, blocks_m>(sums, sources_of<blocks_m * 16>(a, work), copies, first, second);
  if (!work.exists) return;
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    const u32 row = (work.block * blocks_m + i) * 16 + ((u32)lane_number() & 15);
    UNROLL
    for (u32 j = 0; j < BLOCKS_N; j++) store(a, work, row, j, sums[i][j]);
  }
}

PRESHUFFLE_KERNEL(gemm_a4w4_few16, GemmA4w4Args, 256) {
  SHARED(f32x4, exchange, WAVES * BLOCKS_N * 64);
  gemm_of_few<1>(a, (LDS(f32x4) *)exchange);
}

#define MANY(name, blocks_m) \
  PRESHUFFLE_KERNEL(gemm_a4w4_##name, GemmA4w4Args, 256) { \
    SHARED(u8, first, blocks_m * 16 * ROW_BYTES<Tokens::fp4>); \
    SHARED(u8, second, blocks_m * 16 * ROW_BYTES<Tokens::fp4>); \
    gemm_of_many<blocks_m>(a, (LDS(u8) *)first, (LDS(u8) *)second); \
  }

MANY(many32, 2)
MANY(many64, 4)
MANY(many128, 8)
