// The fp8 of gfx942.
#define PRESHUFFLE_HIP_CPU_GFX942
#include "lib/gfx.h"

struct ConvertArgs {
  const u32 *x;
  u32 *y;
  u32 count;
};

DEVICE i32 here() { return group_x() * 64 + thread_x(); }

PRESHUFFLE_KERNEL(to_fp8, ConvertArgs, 64) {
  const f32 v = bits_as<f32>(a.x[here()]);
  a.y[here()] = pack_fp8<true>(pack_fp8<false>(0xffffffff, v, -v), clamp_to_fp8(v), 1.0f);
}
PRESHUFFLE_KERNEL(from_fp8, ConvertArgs, 64) {
  const f32x2 low = unpack_fp8<false>(a.x[here()]);
  const f32x2 high = unpack_fp8<true>(a.x[here()]);
  ((f32x4 *)a.y)[here()] = f32x4{low[0], low[1], high[0], high[1]};
}
