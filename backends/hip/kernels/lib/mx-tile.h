// Multiplications with MXFP4 weights, 256 columns of K at a time: how operands lie in registers.
//
// The weights are the rows of the matrix instruction and the tokens its columns: a lane gets four neighbouring outputs of one
// token. Lane (r, g), r = lane % 16 and g = lane / 16, holds row r of a block of 16 weights (of tokens), of each half of a tile
// (128 columns): its columns 32 g .. 32 g + 31. Preshuffled weights lie in memory as lanes hold them, 16 bytes a lane, and a
// 32-bit word of shuffled scales holds those of a lane for two halves by two blocks: byte = half * 2 + block.
#pragma once
#include "convert.h"
#include "gfx.h"
#include "mfma.h"

// What tokens are: MXFP4 or MXFP8 codes with e8m0 scales, or bf16 without.
enum class Tokens { fp4, fp8, bf16 };

constexpr u32 TILE_K = 256;
// Columns that share a scale.
constexpr u32 SCALE_BLOCK = 32;
constexpr u32 BLOCKS_PER_TILE = TILE_K / SCALE_BLOCK;
// A wave multiplies four blocks of 16 weight rows, which are two groups of 32 that share words of scales.
constexpr u32 BLOCKS_N = 4;

// An offset beyond every buffer: reads as zero. Uniform offsets (below 2^31) on top of it do not wrap around.
constexpr u32 OUTSIDE = 0x80000000;

// Bytes of a row of tokens in a tile, in pieces of 16.
template <Tokens tokens> constexpr u32 ROW_BYTES = tokens == Tokens::fp4 ? 128 : tokens == Tokens::fp8 ? 256 : 512;
template <Tokens tokens> constexpr u32 ROW_PIECES = ROW_BYTES<tokens> / 16;
// Columns in a piece.
template <Tokens tokens> constexpr u32 PIECE_COLUMNS = TILE_K / ROW_PIECES<tokens>;
// Pieces that a lane holds of one half of a tile.
template <Tokens tokens> constexpr u32 LANE_PIECES = ROW_PIECES<tokens> / 8;

// Piece of the row that is number `index` of lane (r, g) in a half. An fp8 lane holds 16 columns of each 64; bf16 takes the
// columns of the fp4 weights, 8 of each 32 at a time.
template <Tokens tokens> DEVICE u32 piece_of(u32 half, u32 g, u32 index) {
  if constexpr (tokens == Tokens::fp4) return half * 4 + g;
  else if constexpr (tokens == Tokens::fp8) return half * 8 + index * 4 + g;
  else return half * 16 + g * 4 + index;
}

// A compile-time number; each_below<n>(body) calls body with 0 .. n - 1.
template <u32 number> struct Constant {
  static constexpr u32 value = number;
};
#define EACH(name) [&](auto name) __attribute__((always_inline))
template <u32 count, u32 from = 0, typename Body> DEVICE void each_below(Body body) {
  if constexpr (from < count) {
    body(Constant<from>{});
    each_below<count, from + 1>(body);
  }
}

// Tokens of one block of 16 in a half of a tile.
template <Tokens tokens> struct TokenPieces {
  i32x4 piece[LANE_PIECES<tokens>];
};

// Weights of a tile: four blocks, and the words of scales of both groups.
struct WeightTile {
  i32x4 codes[BLOCKS_N][2];
  u32 scales[2];
};

// What a wave reads of the weights of an expert: byte offsets of its blocks of 16 rows and of its groups of scales.
struct WeightPlace {
  u32 block[BLOCKS_N];
  u32 group[2];
};

// Rows of K = 32 each that a lane has to leave out where K ends within the tile.
DEVICE u32 scales_in_use(u32 tile, u32 scale_blocks) {
  const u32 first = tile * BLOCKS_PER_TILE + ((u32)lane_number() >> 4);
  return (first < scale_blocks ? 0x0000ffffu : 0) | (first + 4 < scale_blocks ? 0xffff0000u : 0);
}

// Of this lane's word of scales in a tile.
DEVICE u32 scale_offset(u32 tile, u32 scale_blocks) {
  return tile * BLOCKS_PER_TILE < scale_blocks ? (u32)lane_number() * 4 : OUTSIDE;
}

// Reads nothing where the tile lies beyond K, so that loops need no branch around it: behind a branch the compiler cannot count
// loads, and waits for all of them.
DEVICE void load_weights(WeightTile &to, Buffer weights, Buffer scales, const WeightPlace &place, u32 tile, u32 scale_blocks) {
  const u32 lane = (u32)lane_number();
  UNROLL
  for (u32 half = 0; half < 2; half++) {
    const bool inside = tile * BLOCKS_PER_TILE + half * 4 + (lane >> 4) < scale_blocks;
    const u32 offset = inside ? lane * 16 : OUTSIDE;
    UNROLL
    for (u32 j = 0; j < BLOCKS_N; j++) to.codes[j][half] = buffer_load<i32x4>(weights, offset, place.block[j] + tile * 2048 + half * 1024);
  }
  const u32 offset = scale_offset(tile, scale_blocks);
  UNROLL
  for (u32 j = 0; j < 2; j++) to.scales[j] = buffer_load<u32>(scales, offset, place.group[j] + tile * 256);
}

// Adds the products of a half: `blocks_m` blocks of tokens by four of weights. `token_scales` are words for two blocks of
// tokens each, with the scales of the first block in their even bytes.
template <Tokens tokens, u32 blocks_m, u32 half>
DEVICE void multiply_half(f32x4 (&sums)[blocks_m][BLOCKS_N], const WeightTile &weights, const u32 (&weight_scales)[2],
                          const TokenPieces<tokens> (&x)[blocks_m], const u32 (&token_scales)[(blocks_m + 1) / 2]) {
  if constexpr (tokens == Tokens::bf16) {
    each_below<BLOCKS_N>(EACH(block) {
      constexpr u32 j = decltype(block)::value;
      const f32 scale = scale_of_e8m0(weight_scales[j / 2] >> (half * 2 + j % 2) * 8 & 255);
      UNROLL
      for (u32 part = 0; part < 4; part++) {
        const u32 codes = (u32)weights.codes[j][half][part];
        const bf16x8 values = unpack_fp4x8_to_bf16(codes, scale);
        UNROLL
        for (u32 i = 0; i < blocks_m; i++) sums[i][j] = mfma_16x16x32(values, bits_as<bf16x8>(x[i].piece[part]), sums[i][j]);
      }
    });
  } else {
    constexpr MatrixFormat format = tokens == Tokens::fp4 ? FORMAT_E2M1 : FORMAT_E4M3;
    each_below<blocks_m>(EACH(row_block) {
      constexpr u32 i = decltype(row_block)::value;
      i32x8 operand;
      if constexpr (tokens == Tokens::fp4) operand = fp4_operand(x[i].piece[0]);
      else operand = fp8_operand(x[i].piece[0], x[i].piece[1]);
      each_below<BLOCKS_N>(EACH(block) {
        constexpr u32 j = decltype(block)::value;
        sums[i][j] = mfma_scale_16x16x128<FORMAT_E2M1, format, half * 2 + j % 2, half * 2 + i % 2>(
            fp4_operand(weights.codes[j][half]), operand, sums[i][j], weight_scales[j / 2], token_scales[i / 2]);
      });
    });
  }
}
