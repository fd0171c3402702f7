// Two groups of waves that take turns: while one multiplies, the other reads its operands and fetches. The second group is one
// barrier behind. D (64 x 16, f32) = A (64 x K, e4m3) * B^T (16 x K, e4m3), 16 rows a wave; B goes through LDS.
#include "lib/gfx.h"

struct PingPongArgs {
  const u8 *x;
  const u8 *w;
  f32 *d;
  u32 depth;
};

constexpr i32 BLOCK = 128;
constexpr i32 TILE_BYTES = 16 * BLOCK;
constexpr i32 STAGES = 3;
// Of a wave for one tile: 64 lanes with 4 bytes fetch two rows at a time.
constexpr i32 FETCHES = 2;
constexpr i32 LOADS = 2;

// The mistake that lets the first group read what the second has fetched before the second has waited for it: the barrier that
// puts the second group behind counts as its share of the one after the wait.
template <bool skew_too_early> DEVICE void ping_pong(const PingPongArgs &a, u8 *staged) {
  const i32 wave = wave_number();
  const bool is_behind = wave >= 2;
  const i32 row = lane_number() & 15;
  const i32 group = lane_number() >> 4;
  const Buffer x = make_buffer(a.x, 64 * a.depth);
  const Buffer w = make_buffer(a.w, 16 * a.depth);
  const i32 blocks = (i32)a.depth / BLOCK;

  // Blocks beyond the last are fetched from nowhere: the count of operations stays the same.
  const auto fetch = [&](i32 block) {
    u8 *stage = staged + block % STAGES * TILE_BYTES;
    for (i32 part = 0; part < FETCHES; part++) {
      const i32 first = wave * 4 + part * 2;
      const u32 from = (u32)(first + lane_number() / 32) * a.depth + (u32)(block * BLOCK + lane_number() % 32 * 4);
      copy_to_lds<4>(w, (LDS(u8) *)stage + first * BLOCK, block < blocks ? from : ~3u);
    }
  };

  fetch(0);
  fetch(1);
  if (skew_too_early && is_behind) meet();
  wait_memory<FETCHES>();
  meet();
  if (!skew_too_early && is_behind) meet();

  f32x4 sum = {0, 0, 0, 0};
  for (i32 block = 0; block < blocks; block++) {
    const u8 *from = staged + block % STAGES * TILE_BYTES + row * BLOCK + group * 16;
    const i32x8 columns = fp8_operand(*(const i32x4 *)from, *(const i32x4 *)(from + 64));
    const u32 at = (u32)(wave * 16 + row) * a.depth + (u32)(block * BLOCK + group * 16);
    const i32x8 rows = fp8_operand(buffer_load<i32x4>(x, at), buffer_load<i32x4>(x, at + 64));
    fetch(block + 2);
    // What was fetched a turn ago is there; this turn's operations may be on their way.
    wait_memory<LOADS + FETCHES>();
    meet();
    sum = mfma_16x16x128<FORMAT_E4M3, FORMAT_E4M3>(rows, columns, sum);
    meet();
  }
  if (!is_behind) meet();
  for (i32 i = 0; i < 4; i++) a.d[(wave * 16 + group * 4 + i) * 16 + row] = sum[i];
}

PRESHUFFLE_KERNEL(ping_pong_right, PingPongArgs, 256) {
  SHARED(u8, staged, STAGES * TILE_BYTES);
  ping_pong<false>(a, staged);
}
PRESHUFFLE_KERNEL(ping_pong_skewed_too_early, PingPongArgs, 256) {
  SHARED(u8, staged, STAGES * TILE_BYTES);
  ping_pong<true>(a, staged);
}
