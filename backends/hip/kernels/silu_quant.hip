// silu(gate) * up of rows that hold the gate half and then the up half, quantised to fp8 in groups.
#include "lib/norm-groups.h"
#include "lib/norm-silu.h"

struct SiluQuantArgs {
  const void *x;
  u8 *y;
  u8 *scale;
  Groups groups;
  QuantRule rule;
  u32 source;
  // Eights of the whole result and of a row of it, and lanes of eight elements that share a scale: a power of two up to 64. For
  // rows and groups of whole eights.
  u32 eights;
  u32 row_eights;
  u32 lanes;
};

constexpr i32 THREADS = 256;

// A lane takes eight neighbours of the result, wherever rows begin.
template <typename Source> DEVICE void quantise_eights(const SiluQuantArgs &a) {
  const u32 eight = (u32)group_x() * THREADS + (u32)thread_x();
  const u32 row = eight / a.row_eights;
  const bool inside = eight < a.eights;
  f32x8 products = {};
  if (inside) {
    const Source *gates = (const Source *)a.x + ((u64)eight + (u64)row * a.row_eights) * 8;
    const RawEight raw_gate = load_raw(gates);
    const RawEight raw_up = load_raw(gates + (u64)a.row_eights * 8);
    const f32x8 gate = widen<KIND_OF<Source>>(raw_gate);
    const f32x8 up = widen<KIND_OF<Source>>(raw_up);
    UNROLL for (i32 i = 0; i < 8; i++) products[i] = silu_mul(gate[i], up[i]);
  }
  const u32 largest = max_over_lanes(magnitude_of_8(a.rule, products), a.lanes);
  if (!inside) return;
  const BlockScale scale = scale_of(a.rule, largest);
  const u32 place = eight - row * a.row_eights;
  if (place % a.lanes == 0) store_scale(a.rule, a.scale, place_of(a.groups, row, place / a.lanes), scale);
  store_codes_of_8(a.rule, a.y, eight, codes_of_8_limited(a.rule, products, largest, scale.step));
}

PRESHUFFLE_KERNEL(silu_f32, SiluQuantArgs, THREADS) { quantise_eights<f32>(a); }
PRESHUFFLE_KERNEL(silu_bf16, SiluQuantArgs, THREADS) { quantise_eights<bf16>(a); }
PRESHUFFLE_KERNEL(silu_f16, SiluQuantArgs, THREADS) { quantise_eights<f16>(a); }

// Any row and any group: a workgroup a row, one element a lane.
PRESHUFFLE_KERNEL(silu_any, SiluQuantArgs, THREADS) {
  SHARED(u32, places, 16);
  const u32 row = (u32)group_x();
  const u32 columns = a.groups.columns;
  const auto product = [&](u32 column) {
    const u64 gate = (u64)row * 2 * columns + column;
    return silu_mul(load_one(a.x, gate, a.source), load_one(a.x, gate + columns, a.source));
  };
  quantise_any_row<THREADS>(a.groups, a.rule, row, a.y, a.scale, (LDS(u32) *)places, product);
}
