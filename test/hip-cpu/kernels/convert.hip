// Each conversion over an array.
#include "lib/gfx.h"

struct ConvertArgs {
  const u32 *x;
  u32 *y;
  u32 count;
};

DEVICE i32 here() { return group_x() * 64 + thread_x(); }
DEVICE f32 number(const ConvertArgs &a, i32 at) { return bits_as<f32>(a.x[at]); }

// Two numbers a thread, and their codes in both halves, one half after the other.
PRESHUFFLE_KERNEL(to_fp8, ConvertArgs, 64) {
  const f32 v = number(a, here());
  a.y[here()] = pack_fp8<true>(pack_fp8<false>(0xffffffff, v, -v), clamp_to_fp8(v), 1.0f);
}
PRESHUFFLE_KERNEL(from_fp8, ConvertArgs, 64) {
  const f32x2 low = unpack_fp8<false>(a.x[here()]);
  const f32x2 high = unpack_fp8<true>(a.x[here()]);
  ((f32x4 *)a.y)[here()] = f32x4{low[0], low[1], high[0], high[1]};
}
PRESHUFFLE_KERNEL(to_half, ConvertArgs, 64) {
  const f32 v = number(a, here());
  const bf16x2 b = bf16_of(f32x2{v, -v});
  const f16x2 h = f16_of(f32x2{v, -v});
  const f32x2 back = f32_of(b) + f32_of(h) * 0.0f;
  ((u32x4 *)a.y)[here()] = u32x4{bits_as<u32>(b), bits_as<u32>(h), bits_as<u32>((f32)back[0]), bits_as<u32>((f32)back[1])};
}

// x: [number, e8m0], y: the four bytes one after the other, each with its neighbours intact.
PRESHUFFLE_KERNEL(to_fp4, ConvertArgs, 64) {
  const f32 v = number(a, 2 * here());
  const f32 scale = scale_of_e8m0(a.x[2 * here() + 1]);
  u32 word = pack_fp4<0>(0x99999999, v, -v, scale);
  word = pack_fp4<2>(word, -v, v, scale);
  const u32 other = pack_fp4<3>(pack_fp4<1>(0x66666666, v, v, scale), v, -v, scale);
  ((u32x2 *)a.y)[here()] = u32x2{word, other};
}
// x: [word, e8m0], y: eight f32, four words of bf16
PRESHUFFLE_KERNEL(from_fp4, ConvertArgs, 64) {
  const u32 word = a.x[2 * here()];
  const f32 scale = scale_of_e8m0(a.x[2 * here() + 1]);
  const f32x2 v[4] = {unpack_fp4<0>(word, scale), unpack_fp4<1>(word, scale), unpack_fp4<2>(word, scale),
                      unpack_fp4<3>(word, scale)};
  u32 *y = a.y + 12 * here();
  for (i32 i = 0; i < 4; i++) ((f32x2 *)y)[i] = v[i];
  *(bf16x8 *)(y + 8) = unpack_fp4x8_to_bf16(word, scale);
}
// x: [number, e8m0], y: word, and it unpacked with the same scale
PRESHUFFLE_KERNEL(fp8_scaled, ConvertArgs, 64) {
  const f32 v = number(a, 2 * here());
  const f32 scale = scale_of_e8m0(a.x[2 * here() + 1]);
  const u32 word = pack_fp8_scaled<true>(pack_fp8_scaled<false>(0, v, -v, scale), -v, v, scale);
  const f32x2 low = unpack_fp8_scaled<false>(word, scale);
  const f32x2 high = unpack_fp8_scaled<true>(word, scale);
  u32 *y = a.y + 5 * here();
  y[0] = word;
  const f32 values[4] = {low[0], low[1], high[0], high[1]};
  for (i32 i = 0; i < 4; i++) y[1 + i] = bits_as<u32>(values[i]);
}
