// x and the scales of a tile in LDS, as the larger fp8 multiplications keep them.
//
// Copies go straight from memory to LDS, 16 bytes a lane to consecutive places: whatever order LDS is to have must be that of
// the sources. Rows are read by 16 lanes at once, each the same chunk of another row, which would be the same banks; so chunk c
// of row r lies at place c ^ (r & 7), and those 16 lanes reach all banks.
#pragma once
#include "gemm-fp8.h"

// 16 rows of 8 chunks.
constexpr u32 SUBTILE = 2048;

// Where a lane finds its chunk c of row r of a subtile.
DEVICE u32 chunk_place(u32 r, u32 c) { return r * 128 + (c ^ (r & 7)) * 16; }

// The two halves of a lane's operand.
DEVICE i32x8 read_operand(const LDS(u8) * at, u32 first, u32 second) {
  return fp8_operand(*(const LDS(i32x4) *)(at + first), *(const LDS(i32x4) *)(at + second));
}
