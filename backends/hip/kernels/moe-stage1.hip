// First multiplication of a mixture of experts: gate and up sums of sorted routes, bias and activation, h in bf16. See
// moe-stage.h and, for which kernel is for how many rows, moe-tiles.ts.
// targets: gfx950
#include "lib/gemm-output.h"
#include "lib/moe-stage.h"

// Four columns of h of a sorted row.
DEVICE void store_h(const MoeStageArgs &a, const MoeWork &work, u32 row, u32 column, f32x4 gate, f32x4 up) {
  const Route route = route_of(a, row);
  if (route.token >= a.tokens) return;
  const u32 inter = a.rows / 2;
  gate = with_bias(a, work.expert, column, gate);
  up = with_bias(a, work.expert, inter + column, up);
  f32x4 h;
  UNROLL
  for (u32 i = 0; i < 4; i++) h[i] = gated(a.activation, gate[i], up[i]);
  ((u32x2 *)a.y)[(((u64)route.token * a.topk + route.slot) * inter + column) / 4] = bits_as<u32x2>(rounded<Y_BF16>(h));
}

// A unit is 32 columns of h: two pairs of 16.
DEVICE u32 column_of(const MoeWork &work, u32 pair) { return work.unit * 32 + pair * 16 + ((u32)lane_number() >> 4) * 4; }

template <Tokens tokens, u32 blocks_m> DEVICE void first_stage_of_few(const MoeStageArgs &a, LDS(f32x4) * exchange) {
  MoeWork work;
  if (!find_work<blocks_m * 16, 1>(a, work)) return;
  few_rows<tokens, blocks_m, true>(a, work, exchange);
  const u32 wave = (u32)wave_number();
  if (wave >= blocks_m * 2) return;
  const u32 i = wave / 2, pair = wave % 2;
  const f32x4 gate = sum_of_waves<blocks_m>(exchange, i, a.interleaved ? pair * 2 : pair);
  const f32x4 up = sum_of_waves<blocks_m>(exchange, i, a.interleaved ? pair * 2 + 1 : pair + 2);
  const u32 row = (work.block * blocks_m + i) * 16 + ((u32)lane_number() & 15);
  store_h(a, work, row, column_of(work, pair), gate, up);
}

template <Tokens tokens, u32 blocks_m>
DEVICE void first_stage_of_many(const MoeStageArgs &a, LDS(u8) * first, LDS(u8) * second) {
  MoeWork work;
  if (!find_work<blocks_m * 16, WAVES>(a, work)) return;
  f32x4 sums[blocks_m][BLOCKS_N] = {};
  many_rows<tokens, blocks_m, true>(a, work, sums, first, second);
  if (work.unit >= a.units) return;
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    const u32 row = (work.block * blocks_m + i) * 16 + ((u32)lane_number() & 15);
    store_h(a, work, row, column_of(work, 0), sums[i][0], a.interleaved ? sums[i][1] : sums[i][2]);
    store_h(a, work, row, column_of(work, 1), a.interleaved ? sums[i][2] : sums[i][1], sums[i][3]);
  }
}

#define FEW(name, tokens, blocks_m) \
  PRESHUFFLE_KERNEL(moe_stage1_##name, MoeStageArgs, 256) { \
    SHARED(f32x4, exchange, WAVES * blocks_m * BLOCKS_N * 64); \
    first_stage_of_few<tokens, blocks_m>(a, (LDS(f32x4) *)exchange); \
  }
#define MANY(name, tokens, blocks_m) \
  PRESHUFFLE_KERNEL(moe_stage1_##name, MoeStageArgs, 256) { \
    SHARED(u8, first, blocks_m * 16 * ROW_BYTES<tokens>); \
    SHARED(u8, second, blocks_m * 16 * ROW_BYTES<tokens>); \
    first_stage_of_many<tokens, blocks_m>(a, (LDS(u8) *)first, (LDS(u8) *)second); \
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
