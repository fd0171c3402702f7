// Second multiplication of a mixture of experts: weighted down sums of sorted routes in float32, which moe_combine adds up. See
// moe-stage.h and, for which kernel is for how many rows, moe-tiles.ts.
// targets: gfx950
#include "lib/moe-stage.h"

// Four columns of a route's product.
DEVICE void store_product(const MoeStageArgs &a, const MoeWork &work, u32 row, u32 column, f32x4 sum) {
  const Route route = route_of(a, row);
  if (route.token >= a.tokens || column >= a.rows) return;
  const f32x4 product = with_bias(a, work.expert, column, sum) * a.route_weights[row];
  ((f32x4 *)a.y)[(((u64)route.token * a.topk + route.slot) * a.rows + column) / 4] = product;
}

// A unit is 64 columns: four blocks of 16.
DEVICE u32 column_of(const MoeWork &work, u32 block) { return work.unit * 64 + block * 16 + ((u32)lane_number() >> 4) * 4; }

template <Tokens tokens, u32 blocks_m> DEVICE void second_stage_of_few(const MoeStageArgs &a, LDS(f32x4) * exchange) {
  MoeWork work;
  if (!find_work<blocks_m * 16, 1>(a, work)) return;
  few_rows<tokens, blocks_m, false>(a, work, exchange);
  const u32 block = (u32)wave_number();
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    const u32 row = (work.block * blocks_m + i) * 16 + ((u32)lane_number() & 15);
    store_product(a, work, row, column_of(work, block), sum_of_waves<blocks_m>(exchange, i, block));
  }
}

template <Tokens tokens, u32 blocks_m>
DEVICE void second_stage_of_many(const MoeStageArgs &a, LDS(u8) * first, LDS(u8) * second) {
  MoeWork work;
  if (!find_work<blocks_m * 16, WAVES>(a, work)) return;
  f32x4 sums[blocks_m][BLOCKS_N] = {};
  many_rows<tokens, blocks_m, false>(a, work, sums, first, second);
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    const u32 row = (work.block * blocks_m + i) * 16 + ((u32)lane_number() & 15);
    UNROLL
    for (u32 j = 0; j < BLOCKS_N; j++) store_product(a, work, row, column_of(work, j), sums[i][j]);
  }
}

#define FEW(name, tokens, blocks_m) \
  PRESHUFFLE_KERNEL(moe_stage2_##name, MoeStageArgs, 256) { \
    SHARED(f32x4, exchange, WAVES * blocks_m * BLOCKS_N * 64); \
    second_stage_of_few<tokens, blocks_m>(a, (LDS(f32x4) *)exchange); \
  }
#define MANY(name, tokens, blocks_m) \
  PRESHUFFLE_KERNEL(moe_stage2_##name, MoeStageArgs, 256) { \
    SHARED(u8, first, blocks_m * 16 * ROW_BYTES<tokens>); \
    SHARED(u8, second, blocks_m * 16 * ROW_BYTES<tokens>); \
    second_stage_of_many<tokens, blocks_m>(a, (LDS(u8) *)first, (LDS(u8) *)second); \
  }

FEW(a4w4_few16, Tokens::fp4, 1)
FEW(a8w4_few16, Tokens::fp8, 1)
FEW(a16w4_few16, Tokens::bf16, 1)
MANY(a16w4_many32, Tokens::bf16, 2)
MANY(a4w4_many32, Tokens::fp4, 2)
MANY(a8w4_many32, Tokens::fp8, 2)
MANY(a4w4_many64, Tokens::fp4, 4)
MANY(a8w4_many64, Tokens::fp8, 4)
MANY(a16w4_many64, Tokens::bf16, 4)
