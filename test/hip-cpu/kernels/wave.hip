// Exchange between the lanes of a wave.
#include "lib/gfx.h"

struct WaveArgs {
  const u32 *x;
  // [operation][thread]
  u32 *y;
};

// x[thread] through each operation.
PRESHUFFLE_KERNEL(exchanges, WaveArgs, 128) {
  const i32 t = thread_x();
  const u32 x = a.x[t];
  i32 row = 0;
  const auto put = [&](u32 value) { a.y[row++ * 128 + t] = value; };
  put(read_first_lane(x));
  put(read_lane(x, 37));
  put(from_lane(x, (t * 5 + 3) & 63));
  put((u32)ballot(x % 3 == 0));
  put((u32)(ballot(x % 3 == 0) >> 32));
  put(dpp<SWAP_PAIRS>(x));
  put(dpp<SWAP_HALVES_OF_4>(x));
  put(dpp<MIRROR_8>(x));
  put(dpp<MIRROR_16>(x));
  put(dpp<0x111>(x));
  put(dpp<0x123>(x));
  const Swapped by16 = swap_groups_of_16(x, x + 1000);
  put(by16.a);
  put(by16.b);
  const Swapped by32 = swap_groups_of_32(x, x + 1000);
  put(by32.a);
  put(by32.b);
  put(sum_of_lanes<64>(x));
  put(sum_of_lanes<16>(x));
  put(max_of_lanes<64>(x));
  put(max_of_lanes<4>(x));
  put((u32)wave_number());
}
