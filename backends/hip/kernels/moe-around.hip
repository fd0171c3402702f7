// What goes before and after the two multiplications of a mixture of experts: scales of tokens in the order of sorted rows, as
// the matrix instructions take them, and the sum of a token's routes.
#include "lib/gemm-output.h"
#include "lib/gfx.h"

constexpr u32 THREADS = 256;
constexpr u32 TOKEN_BITS = 24;

struct MoeScalesArgs {
  // Row-major [x rows, scale_blocks]: a row a token, or a route.
  const u8 *scales;
  const u32 *routes;
  // Its first number: rows in use.
  const u32 *valid;
  // Shuffled words [groups of 32 rows][scale_blocks / 8, rounded up][64].
  u32 *words;
  u32 tokens;
  u32 topk;
  u32 row_a_token;
  u32 scale_blocks;
  // scale_blocks / 8, rounded up.
  u32 tiles;
};

// A thread makes a word: two columns, four apart, of two rows, sixteen apart. Padding is zero, so that nothing there is NaN.
PRESHUFFLE_KERNEL(moe_sort_scales, MoeScalesArgs, THREADS) {
  const u32 word = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 lane = word % 64;
  const u32 tile = word / 64 % a.tiles;
  const u32 first_row = word / 64 / a.tiles * 32 + lane % 16;
  const u32 rows = a.valid[0];
  if (word / 64 / a.tiles * 32 >= rows) return;
  u32 bytes = 0;
  UNROLL
  for (u32 block = 0; block < 2; block++) {
    const u32 row = first_row + block * 16;
    if (row >= rows) continue;
    const u32 id = a.routes[row];
    const u32 token = id & ((1u << TOKEN_BITS) - 1);
    if (token >= a.tokens) continue;
    const u32 source = a.row_a_token ? token : token * a.topk + (id >> TOKEN_BITS);
    UNROLL
    for (u32 half = 0; half < 2; half++) {
      const u32 column = tile * 8 + half * 4 + lane / 16;
      if (column < a.scale_blocks) bytes |= (u32)a.scales[(u64)source * a.scale_blocks + column] << (half * 2 + block) * 8;
    }
  }
  a.words[word] = bytes;
}

struct MoeCombineArgs {
  // [tokens, topk, columns]; what routes to no expert left there is not read.
  const f32 *products;
  const u32 *topk_ids;
  // bf16 [tokens, columns].
  u16 *y;
  u32 topk;
  u32 experts;
  // A multiple of 4.
  u32 columns;
  // tokens * columns / 4.
  u32 count;
};

// A thread adds up four columns of a token, slot by slot.
PRESHUFFLE_KERNEL(moe_combine, MoeCombineArgs, THREADS) {
  const u32 index = (u32)group_x() * THREADS + (u32)thread_x();
  if (index >= a.count) return;
  const u32 fours = a.columns / 4;
  const u32 token = index / fours;
  f32x4 sum = {};
  for (u32 slot = 0; slot < a.topk; slot++) {
    const u64 route = (u64)token * a.topk + slot;
    if (a.topk_ids[route] < a.experts) sum += ((const f32x4 *)a.products)[route * fours + (index - token * fours)];
  }
  ((u32x2 *)a.y)[index] = bits_as<u32x2>(rounded<Y_BF16>(sum));
}
