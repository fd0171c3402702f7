// The two ways through a multiplication with MXFP4 weights: multiply_in_turns for few tokens, multiply_together for many.
#pragma once
#include "mx-tile.h"

// Where operands lie. The same for the whole wave.
struct MxSources {
  Buffer weights;
  Buffer weight_scales;
  WeightPlace place;
  Buffer tokens;
  // Words of shuffled scales from the workgroup's first rows on; not read where tokens are bf16.
  Buffer token_scales;
  // Bytes from two blocks of rows to the next two.
  u32 token_scale_group;
  // The workgroup's first 16 rows are the second of the two blocks that share words of scales.
  u32 second_block;
  // Scales of a row: K / 32.
  u32 scale_blocks;
  u32 tiles;
};

template <u32 blocks_m> DEVICE void load_token_scales(u32 (&to)[(blocks_m + 1) / 2], const MxSources &from, u32 tile) {
  UNROLL
  for (u32 pair = 0; pair < (blocks_m + 1) / 2; pair++) {
    to[pair] = buffer_load<u32>(from.token_scales, scale_offset(tile, from.scale_blocks), pair * from.token_scale_group + tile * 256);
  }
}

// Products of a tile, from registers.
template <Tokens tokens, u32 blocks_m, typename Pieces>
DEVICE void multiply_tile(f32x4 (&sums)[blocks_m][BLOCKS_N], const MxSources &from, const WeightTile &weights,
                          const u32 (&token_scales)[(blocks_m + 1) / 2], u32 tile, Pieces pieces) {
  const u32 in_use = scales_in_use(tile, from.scale_blocks);
  const u32 weight_scales[2] = {weights.scales[0] & in_use, weights.scales[1] & in_use};
  u32 x_scales[(blocks_m + 1) / 2];
  UNROLL
  for (u32 pair = 0; pair < (blocks_m + 1) / 2; pair++) {
    x_scales[pair] = token_scales[pair] & in_use;
    if (blocks_m == 1) x_scales[pair] >>= from.second_block * 8;
  }
  each_below<2>(EACH(which) {
    constexpr u32 half = decltype(which)::value;
    TokenPieces<tokens> x[blocks_m];
    UNROLL
    for (u32 i = 0; i < blocks_m; i++) pieces(x[i], i, half);
    multiply_half<tokens, blocks_m, half>(sums, weights, weight_scales, x, x_scales);
  });
}

// For few tokens: as fast as the weights come. Four waves share the tiles of the same 64 rows of weights; everything goes
// straight to registers, where the next tile is on its way while one is multiplied. In the end each wave has sums of its own.
constexpr u32 WAVES = 4;

template <Tokens tokens, u32 blocks_m> struct TileInFlight {
  WeightTile weights;
  TokenPieces<tokens> x[blocks_m][2];
  u32 token_scales[(blocks_m + 1) / 2];
};

// `row_offset[i]`: where row 16 i + r of the workgroup begins in the tokens, or OUTSIDE.
template <Tokens tokens, u32 blocks_m>
DEVICE void load_tile(TileInFlight<tokens, blocks_m> &to, const MxSources &from, const u32 (&row_offset)[blocks_m], u32 tile) {
  const u32 g = (u32)lane_number() >> 4;
  load_weights(to.weights, from.weights, from.weight_scales, from.place, tile, from.scale_blocks);
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    UNROLL
    for (u32 half = 0; half < 2; half++) {
      UNROLL
      for (u32 index = 0; index < LANE_PIECES<tokens>; index++) {
        const u32 piece = piece_of<tokens>(half, g, index);
        const bool inside = tile * TILE_K + piece * PIECE_COLUMNS<tokens> < from.scale_blocks * SCALE_BLOCK;
        const u32 offset = inside ? row_offset[i] + piece * 16 : OUTSIDE;
        to.x[i][half].piece[index] = buffer_load<i32x4>(from.tokens, offset, tile * ROW_BYTES<tokens>);
      }
    }
  }
  if constexpr (tokens != Tokens::bf16) load_token_scales<blocks_m>(to.token_scales, from, tile);
}

template <Tokens tokens, u32 blocks_m>
DEVICE void multiply_in_turns(f32x4 (&sums)[blocks_m][BLOCKS_N], const MxSources &from, const u32 (&row_offset)[blocks_m]) {
  typedef TileInFlight<tokens, blocks_m> Flight;
  Flight flights[2];
  const auto multiply = [&](const Flight &flight, u32 tile) __attribute__((always_inline)) {
    multiply_tile<tokens, blocks_m>(sums, from, flight.weights, flight.token_scales, tile,
                                    [&](TokenPieces<tokens> &x, u32 i, u32 half) __attribute__((always_inline)) {
                                      x = flight.x[i][half];
                                    });
  };
  const auto turn = [&](u32 slot, u32 tile) __attribute__((always_inline)) {
    load_tile(flights[1 - slot], from, row_offset, tile + WAVES);
    sched_fence();
    multiply(flights[slot], tile);
  };
  const u32 first = (u32)wave_number();
  load_tile(flights[0], from, row_offset, first);
  // The last turn may be for a tile beyond K, which is zero.
  for (u32 tile = first; tile < from.tiles; tile += 2 * WAVES) {
    turn(0, tile);
    turn(1, tile + WAVES);
  }
}

// The sums of all waves for block i of tokens and j of weights, always added in the same order. After exchange_sums().
template <u32 blocks_m> DEVICE f32x4 sum_of_waves(const LDS(f32x4) * exchange, u32 i, u32 j) {
  const u32 at = (i * BLOCKS_N + j) * 64 + (u32)lane_number();
  f32x4 sum = exchange[at];
  UNROLL
  for (u32 wave = 1; wave < WAVES; wave++) sum += exchange[wave * blocks_m * BLOCKS_N * 64 + at];
  return sum;
}

// `exchange` has room for WAVES * blocks_m * BLOCKS_N * 64.
template <u32 blocks_m> DEVICE void exchange_sums(LDS(f32x4) * exchange, const f32x4 (&sums)[blocks_m][BLOCKS_N]) {
  LDS(f32x4) *own = exchange + (u32)wave_number() * blocks_m * BLOCKS_N * 64 + (u32)lane_number();
  UNROLL
  for (u32 i = 0; i < blocks_m; i++) {
    UNROLL
    for (u32 j = 0; j < BLOCKS_N; j++) own[(i * BLOCKS_N + j) * 64] = sums[i][j];
  }
  barrier();
}

// For many tokens: each of the four waves has 64 rows of weights of its own, straight in registers, and all share the tokens in
// LDS. Both are double buffered: the next tile is copied while one is multiplied.
//
// A row of a tile takes ROW_BYTES; piece p of row `row` lies in place p ^ (row & mask), so that 16 lanes that read the same
// piece of 16 rows meet different banks.
template <Tokens tokens> DEVICE u32 swizzled(u32 row, u32 piece) {
  constexpr u32 MASK = ROW_PIECES<tokens> < 16 ? ROW_PIECES<tokens> - 1 : 15;
  return piece ^ (row & MASK);
}

// Copies of 16 bytes that a thread makes for a tile.
template <Tokens tokens, u32 rows> constexpr u32 COPIES = rows *ROW_PIECES<tokens> / (WAVES * 64);

template <Tokens tokens, u32 rows> struct TokenCopies {
  u32 offset[COPIES<tokens, rows>];
  u32 column[COPIES<tokens, rows>];
};

template <Tokens tokens, u32 rows, typename RowOffset>
DEVICE TokenCopies<tokens, rows> plan_copies(RowOffset row_offset) {
  TokenCopies<tokens, rows> copies;
  UNROLL
  for (u32 i = 0; i < COPIES<tokens, rows>; i++) {
    const u32 place = (i * WAVES + (u32)wave_number()) * 64 + (u32)lane_number();
    const u32 row = place / ROW_PIECES<tokens>;
    const u32 piece = swizzled<tokens>(row, place % ROW_PIECES<tokens>);
    const u32 start = row_offset(row);
    copies.offset[i] = start == OUTSIDE ? OUTSIDE : start + piece * 16;
    copies.column[i] = piece * PIECE_COLUMNS<tokens>;
  }
  return copies;
}

template <Tokens tokens, u32 rows>
DEVICE void copy_tokens(LDS(u8) * to, const MxSources &from, const TokenCopies<tokens, rows> &copies, u32 tile) {
  UNROLL
  for (u32 i = 0; i < COPIES<tokens, rows>; i++) {
    const bool inside = tile * TILE_K + copies.column[i] < from.scale_blocks * SCALE_BLOCK;
    copy_to_lds<16>(from.tokens, (LDS(void) *)(to + (i * WAVES + (u32)wave_number()) * 1024), inside ? copies.offset[i] : OUTSIDE,
                    tile * ROW_BYTES<tokens>);
  }
}

template <Tokens tokens, u32 blocks_m> struct SharedTile {
  WeightTile weights;
  u32 token_scales[(blocks_m + 1) / 2];
};

template <Tokens tokens, u32 blocks_m>
DEVICE void multiply_together(f32x4 (&sums)[blocks_m][BLOCKS_N], const MxSources &from,
                              const TokenCopies<tokens, blocks_m * 16> &copies, LDS(u8) * first, LDS(u8) * second) {
  const u32 r = (u32)lane_number() & 15;
  const u32 g = (u32)lane_number() >> 4;
  SharedTile<tokens, blocks_m> tiles[2];
  LDS(u8) *const staged[2] = {first, second};
  const auto load = [&](u32 slot, u32 tile) __attribute__((always_inline)) {
    copy_tokens<tokens, blocks_m * 16>(staged[slot], from, copies, tile);
    load_weights(tiles[slot].weights, from.weights, from.weight_scales, from.place, tile, from.scale_blocks);
    if constexpr (tokens != Tokens::bf16) load_token_scales<blocks_m>(tiles[slot].token_scales, from, tile);
  };
  const auto multiply = [&](u32 slot, u32 tile) __attribute__((always_inline)) {
    multiply_tile<tokens, blocks_m>(sums, from, tiles[slot].weights, tiles[slot].token_scales, tile,
                                    [&](TokenPieces<tokens> &x, u32 i, u32 half) __attribute__((always_inline)) {
      const u32 row = i * 16 + r;
      UNROLL
      for (u32 index = 0; index < LANE_PIECES<tokens>; index++) {
        const u32 piece = swizzled<tokens>(row, piece_of<tokens>(half, g, index));
        x.piece[index] = *(const LDS(i32x4) *)(staged[slot] + row * ROW_BYTES<tokens> + piece * 16);
      }
    });
  };
  // The copies of this wave have landed, then those of all; and all have read what the next ones overwrite.
  const auto turn = [&](u32 slot, u32 tile) __attribute__((always_inline)) {
    wait_memory<0>();
    meet();
    load(1 - slot, tile + 1);
    sched_fence();
    multiply(slot, tile);
  };
  load(0, 0);
  for (u32 tile = 0; tile < from.tiles; tile += 2) {
    turn(0, tile);
    if (tile + 1 < from.tiles) turn(1, tile + 1);
  }
  // A copy into LDS may still be under way.
  wait_memory<0>();
}
