// The clamped swiglu of GPT-OSS over two arrays of binary32, four elements a thread.
#include "lib/activation.h"
#include "lib/gfx.h"

constexpr u32 THREADS = 256;
constexpr u32 PER_THREAD = 4;

struct SwigluArgs {
  const f32 *glu;
  const f32 *linear;
  f32 *y;
  u32 count;
  Activation activation;
};

PRESHUFFLE_KERNEL(swiglu, SwigluArgs, THREADS) {
  const u64 first = (u64)((u32)group_x() * THREADS + thread_x()) * PER_THREAD;
  if (first + PER_THREAD <= a.count) {
    const f32x4 glu = *(const f32x4 *)(a.glu + first);
    const f32x4 linear = *(const f32x4 *)(a.linear + first);
    f32x4 y;
    UNROLL for (u32 i = 0; i < PER_THREAD; i++) y[i] = gated(a.activation, glu[i], linear[i]);
    *(f32x4 *)(a.y + first) = y;
    return;
  }
  for (u64 at = first; at < a.count; at++) a.y[at] = gated(a.activation, a.glu[at], a.linear[at]);
}
