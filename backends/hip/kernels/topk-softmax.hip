// The topk largest logits of each row, ties to the lowest expert, and their softmax weights: a wave takes a row.
#include "lib/activation.h"
#include "lib/gfx.h"

constexpr u32 THREADS = 256;
constexpr u32 WAVES = THREADS / 64;

struct TopkSoftmaxArgs {
  const void *logits;
  f32 *weights;
  u32 *ids;
  u32 rows;
  u32 experts;
  u32 topk;
  // Whether weights are shares of the kept logits, and not of all.
  u32 of_kept;
};

DEVICE f32 to_f32(f32 value) { return value; }
DEVICE f32 to_f32(f16 value) { return (f32)value; }
DEVICE f32 to_f32(u16 bits_of_bf16) { return bits_as<f32>((u32)bits_of_bf16 << 16); }

// Orders as integers as the logits do. Both zeros are one, and a NaN comes before all numbers.
DEVICE u32 order_of(f32 logit) {
  if (logit != logit) return 0xffffffff;
  const u32 bits = bits_as<u32>(logit + 0.0f);
  return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

template <typename Source> DEVICE void route_rows(const TopkSoftmaxArgs &a) {
  const u32 row = (u32)group_x() * WAVES + wave_number();
  if (row >= a.rows) return;
  const u32 lane = lane_number();
  const Source *logits = (const Source *)a.logits + (u64)row * a.experts;
  f32 top = 0;
  f32 sum = 0;
  // What was picked last: only what comes after is left.
  u32 last_order = 0xffffffff;
  u32 next_expert = 0;
  for (u32 slot = 0; slot < a.topk; slot++) {
    u32 best_order = 0;
    u32 best_expert = 0xffffffff;
    for (u32 expert = lane; expert < a.experts; expert += 64) {
      const u32 order = order_of(to_f32(logits[expert]));
      const bool left = order < last_order || (order == last_order && expert >= next_expert);
      if (!left || (best_expert != 0xffffffff && order <= best_order)) continue;
      best_order = order;
      best_expert = expert;
    }
    last_order = max_of_lanes<64>(best_order);
    // The lowest number is the largest complement.
    const u32 expert = ~max_of_lanes<64>(best_order == last_order ? ~best_expert : 0u);
    next_expert = expert + 1;
    const f32 logit = to_f32(logits[expert]);
    if (slot == 0) top = logit;
    sum += exp_of(logit - top);
    if (lane == 0) {
      a.ids[(u64)row * a.topk + slot] = expert;
      a.weights[(u64)row * a.topk + slot] = logit;
    }
  }
  if (!a.of_kept) {
    sum = 0;
    for (u32 expert = lane; expert < a.experts; expert += 64) sum += exp_of(to_f32(logits[expert]) - top);
    sum = sum_of_lanes<64>(sum);
  }
  // Lane 0 reads its own stores only.
  if (lane != 0) return;
  f32 *weights = a.weights + (u64)row * a.topk;
  for (u32 slot = 0; slot < a.topk; slot++) weights[slot] = exp_of(weights[slot] - top) / sum;
}

PRESHUFFLE_KERNEL(topk_softmax_f32, TopkSoftmaxArgs, THREADS) { route_rows<f32>(a); }
PRESHUFFLE_KERNEL(topk_softmax_f16, TopkSoftmaxArgs, THREADS) { route_rows<f16>(a); }
PRESHUFFLE_KERNEL(topk_softmax_bf16, TopkSoftmaxArgs, THREADS) { route_rows<u16>(a); }
