// What both multiplications of a mixture of experts have in common: sorted routes, and one expert's weights for each block of
// them.
#pragma once
#include "activation.h"
#include "mx-gemm.h"

struct MoeStageArgs {
  // Row-major, a row a token (first stage) or a route (second stage).
  const u8 *x;
  // Words of shuffled scales, in the order of the sorted rows; not for bf16.
  const u32 *x_scale;
  // [experts][rows / 16][K / 32][16 rows][16 bytes].
  const u8 *w;
  // Words of shuffled scales of all rows of all experts.
  const u32 *w_scale;
  // [experts, rows], or null.
  const f32 *bias;
  // Of each row: slot << 24 | token, and the weight of the route. Token numbers from `tokens` on are padding.
  const u32 *routes;
  const f32 *route_weights;
  // Of each block of rows.
  const u32 *block_experts;
  // Its first number: rows in use, a multiple of those of a block.
  const u32 *valid;
  // First stage: bf16 [tokens, topk, rows / 2]. Second: float32 [tokens, topk, rows].
  void *y;
  // Bytes of x.
  u32 x_bytes;
  u32 tokens;
  u32 topk;
  // Weight rows of an expert.
  u32 rows;
  // K / 32.
  u32 scale_blocks;
  // Workgroups side by side.
  u32 groups_n;
  // Where a wave's two groups of 32 rows begin: unit u at u * unit_rows, and second_rows after that.
  u32 unit_rows;
  u32 second_rows;
  u32 units;
  // Gate and up blocks of 16 rows alternate; otherwise all gate rows come first.
  u32 interleaved;
  Activation activation;
};

constexpr u32 TOKEN_BITS = 24;

struct Route {
  u32 token;
  u32 slot;
};

DEVICE Route route_of(const MoeStageArgs &a, u32 row) {
  const u32 id = a.routes[row];
  return {id & ((1u << TOKEN_BITS) - 1), id >> TOKEN_BITS};
}

// Work of a wave: a block of sorted rows by 64 rows of weights.
struct MoeWork {
  u32 block;
  u32 unit;
  u32 expert;
};

// False where there is nothing to do for the whole workgroup.
template <u32 rows, u32 units_per_group> DEVICE bool find_work(const MoeStageArgs &a, MoeWork &work) {
  const u32 id = (u32)group_x();
  work.block = id / a.groups_n;
  work.unit = (id - work.block * a.groups_n) * units_per_group;
  if (units_per_group > 1) work.unit += (u32)wave_number();
  if (work.block * rows >= a.valid[0]) return false;
  work.expert = a.block_experts[work.block];
  return true;
}

// Where a row of x begins; rows without a route are zero.
template <bool row_a_token> DEVICE u32 row_offset_of(const MoeStageArgs &a, u32 row, u32 row_bytes) {
  const Route route = route_of(a, row);
  if (route.token >= a.tokens) return OUTSIDE;
  return (row_a_token ? route.token : route.token * a.topk + route.slot) * row_bytes;
}

// Bytes of a row of x.
template <Tokens tokens> DEVICE u32 row_bytes_of(u32 scale_blocks) {
  return scale_blocks * (SCALE_BLOCK / PIECE_COLUMNS<tokens>)*16;
}

// Weight rows that do not exist are read from row 0, and what comes of them is not stored.
DEVICE WeightPlace place_of(u32 first, u32 second, u32 rows, u32 row_bytes, u32 group_bytes) {
  WeightPlace place;
  UNROLL
  for (u32 j = 0; j < BLOCKS_N; j++) {
    const u32 row = (j < 2 ? first : second) + j % 2 * 16;
    place.block[j] = row < rows ? row * row_bytes : 0;
    if (j % 2 == 0) place.group[j / 2] = row < rows ? row / 32 * group_bytes : 0;
  }
  return place;
}

template <Tokens tokens, u32 rows> DEVICE MxSources sources_of(const MoeStageArgs &a, const MoeWork &work) {
  const u32 tiles = (a.scale_blocks + BLOCKS_PER_TILE - 1) / BLOCKS_PER_TILE;
  const u32 weight_row = a.scale_blocks * 16;
  const u32 scale_group = tiles * 256;
  const u32 expert_scales = a.rows / 32 * scale_group;
  MxSources from;
  from.weights = make_buffer(a.w + (u64)work.expert * a.rows * weight_row, a.rows * weight_row);
  from.weight_scales = make_buffer((const u8 *)a.w_scale + (u64)work.expert * expert_scales, expert_scales);
  const u32 first = work.unit < a.units ? work.unit * a.unit_rows : 0;
  from.place = place_of(first, first + a.second_rows, a.rows, weight_row, scale_group);
  from.tokens = make_buffer(a.x, a.x_bytes);
  if constexpr (tokens != Tokens::bf16) {
    const u64 first_pair = (u64)work.block * rows / 32;
    from.token_scales = make_buffer((const u8 *)a.x_scale + first_pair * scale_group, (rows + 31) / 32 * scale_group);
  } else from.token_scales = from.tokens;
  from.token_scale_group = scale_group;
  from.second_block = rows == 16 ? work.block & 1 : 0;
  from.scale_blocks = a.scale_blocks;
  from.tiles = tiles;
  return from;
}

DEVICE f32x4 with_bias(const MoeStageArgs &a, u32 expert, u32 row, f32x4 sum) {
  if (a.bias == nullptr) return sum;
  return sum + *(const f32x4 *)(a.bias + (u64)expert * a.rows + row);
}

// Sums of a workgroup for few rows, left in `exchange`. All waves have the same unit.
template <Tokens tokens, u32 blocks_m, bool row_a_token>
DEVICE void few_rows(const MoeStageArgs &a, const MoeWork &work, LDS(f32x4) * exchange) {
  const MxSources from = sources_of<tokens, blocks_m * 16>(a, work);
  u32 offsets[blocks_m];
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    const u32 row = work.block * blocks_m * 16 + i * 16 + ((u32)lane_number() & 15);
    offsets[i] = row_offset_of<row_a_token>(a, row, row_bytes_of<tokens>(a.scale_blocks));
  }
  f32x4 sums[blocks_m][BLOCKS_N] = {};
  multiply_in_turns<tokens, blocks_m>(sums, from, offsets);
  exchange_sums<blocks_m>(exchange, sums);
}

// Sums of a wave for many rows.
template <Tokens tokens, u32 blocks_m, bool row_a_token>
DEVICE void many_rows(const MoeStageArgs &a, const MoeWork &work, f32x4 (&sums)[blocks_m][BLOCKS_N], LDS(u8) * first,
                      LDS(u8) * second) {
  const MxSources from = sources_of<tokens, blocks_m * 16>(a, work);
  const u32 row_bytes = row_bytes_of<tokens>(a.scale_blocks);
  const auto copies = plan_copies<tokens, blocks_m * 16>(
      [&](u32 row) { return row_offset_of<row_a_token>(a, work.block * blocks_m * 16 + row, row_bytes); });
  multiply_together<tokens, blocks_m>(sums, from, copies, first, second);
}
