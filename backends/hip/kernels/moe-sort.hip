// Sorts the routes of a mixture of experts by expert, each expert padded to whole blocks of rows. A counting sort in chunks:
// moe_sort_count, moe_sort_plan (one workgroup), moe_sort_scatter; or moe_sort_single, which does a single chunk at once.
// Nothing depends on the order in which waves run: the waves of a workgroup take turns.
#include "lib/gfx.h"

constexpr u32 THREADS = 256;
// Routes that a workgroup counts and places, as in moe-sort.ts.
constexpr u32 CHUNK = 2048;
// Experts at most, as in moe-sort.ts.
constexpr u32 MOST_EXPERTS = 4096;
// The expert of a route that goes nowhere, and of a block that is not in use.
constexpr u32 NOBODY = 0xffffffff;

struct MoeSortArgs {
  const u32 *topk_ids;
  const u32 *topk_weights;
  // [chunks, experts]: routes of the chunk, then the row of the first of them.
  u32 *places;
  u32 *sorted_ids;
  u32 *sorted_weights;
  u32 *block_experts;
  u32 *valid;
  u32 routes;
  u32 topk;
  u32 experts;
  // Rows a block.
  u32 block_rows;
  // What stands in rows without a route.
  u32 padding;
  // Lengths of sorted_ids (and sorted_weights) and of block_experts.
  u32 rows;
  u32 blocks;
  u32 chunks;
  u32 tokens;
  // A bit an expert: whether it is local. Others are left out.
  u32 local[MOST_EXPERTS / 32];
};

// Ids are signed: -1 is a large number here.
DEVICE u32 expert_of(const MoeSortArgs &a, u32 route) {
  if (route >= a.routes) return NOBODY;
  const u32 expert = a.topk_ids[route];
  return expert < a.experts && (a.local[expert / 32] >> (expert % 32) & 1) ? expert : NOBODY;
}

// What an expert is called in the output: local experts are counted.
DEVICE u32 name_of(const MoeSortArgs &a, u32 expert) {
  u32 before = 0;
  for (u32 word = 0; word < expert / 32; word++) before += (u32)__builtin_popcount(a.local[word]);
  return before + (u32)__builtin_popcount(a.local[expert / 32] & ((1u << expert % 32) - 1));
}

// Lanes of the wave that have the same expert.
DEVICE u64 lanes_of(u32 expert, u32 experts) {
  u64 same = ballot(expert != NOBODY);
  for (u32 bit = 1; bit < experts; bit <<= 1) {
    const bool has = (expert & bit) != 0;
    const u64 others = ballot(has);
    same &= has ? others : ~others;
  }
  return same;
}

// One after another, the waves find their experts' counters as the waves before left them, and count their own routes. `counters`
// is the number of routes so far, or a row: then it becomes the row after. Returns the counter for this lane's route.
DEVICE u32 take_turns(u32 *counters, u32 expert, u32 experts) {
  const u64 same = lanes_of(expert, experts);
  const u32 before = (u32)__builtin_popcountll(same & ((1ull << lane_number()) - 1));
  const bool counts = expert != NOBODY;
  u32 place = 0;
  for (i32 turn = 0; turn < (i32)(THREADS / 64); turn++) {
    if (wave_number() == turn) {
      u32 counter = 0;
      if (counts) counter = counters[expert];
      wave_barrier();
      if (counts && before == 0) counters[expert] = counter + (u32)__builtin_popcountll(same);
      place = counter + before;
    }
    barrier();
  }
  return place;
}

DEVICE void count_chunk(const MoeSortArgs &a, u32 *counters, u32 chunk) {
  for (u32 expert = thread_x(); expert < a.experts; expert += THREADS) counters[expert] = 0;
  barrier();
  for (u32 step = 0; step < CHUNK; step += THREADS) {
    const u32 first = chunk * CHUNK + step;
    if (first >= a.routes) break;
    take_turns(counters, expert_of(a, first + thread_x()), a.experts);
  }
}

DEVICE void place_chunk(const MoeSortArgs &a, u32 *counters, u32 chunk) {
  for (u32 step = 0; step < CHUNK; step += THREADS) {
    const u32 first = chunk * CHUNK + step;
    if (first >= a.routes) break;
    const u32 route = first + thread_x();
    const u32 expert = expert_of(a, route);
    const u32 row = take_turns(counters, expert, a.experts);
    if (expert == NOBODY) continue;
    a.sorted_ids[row] = (route % a.topk) << 24 | route / a.topk;
    a.sorted_weights[row] = a.topk_weights[route];
  }
}

DEVICE void fill(const MoeSortArgs &a, u32 first, u32 stride) {
  for (u32 row = first; row < a.rows; row += stride) {
    a.sorted_ids[row] = a.padding;
    a.sorted_weights[row] = 0;
  }
  for (u32 block = first; block < a.blocks; block += stride) a.block_experts[block] = NOBODY;
}

struct Before {
  u32 mine;
  u32 all;
};

// Sums over the lanes before this one, and over all of the workgroup.
DEVICE Before sum_before(u32 *sums, u32 value) {
  const u32 lane = thread_x();
  sums[lane] = value;
  barrier();
  for (u32 reach = 1; reach < THREADS; reach *= 2) {
    const u32 below = lane >= reach ? sums[lane - reach] : 0;
    barrier();
    sums[lane] += below;
    barrier();
  }
  const Before found = {sums[lane] - value, sums[THREADS - 1]};
  barrier();
  return found;
}

// Gives the experts their blocks: `total(expert)` routes, `start(expert, row)` takes the first row.
template <typename Total, typename Start>
DEVICE void give_blocks(const MoeSortArgs &a, u32 *sums, Total total, Start start) {
  u32 used = 0;
  for (u32 first = 0; first < a.experts; first += THREADS) {
    const u32 expert = first + thread_x();
    const bool exists = expert < a.experts;
    const u32 blocks = exists ? (total(expert) + a.block_rows - 1) / a.block_rows : 0;
    const Before before = sum_before(sums, blocks);
    if (exists) {
      const u32 own = used + before.mine;
      const u32 name = blocks > 0 ? name_of(a, expert) : NOBODY;
      for (u32 block = 0; block < blocks; block++) a.block_experts[own + block] = name;
      start(expert, own * a.block_rows);
    }
    used += before.all;
  }
  if (thread_x() == 0) {
    a.valid[0] = used * a.block_rows;
    a.valid[1] = a.tokens;
  }
}

PRESHUFFLE_KERNEL(moe_sort_count, MoeSortArgs, THREADS) {
  SHARED(u32, counters, MOST_EXPERTS);
  const u32 chunk = group_x();
  fill(a, chunk * THREADS + thread_x(), a.chunks * THREADS);
  count_chunk(a, counters, chunk);
  for (u32 expert = thread_x(); expert < a.experts; expert += THREADS) a.places[chunk * a.experts + expert] = counters[expert];
}

PRESHUFFLE_KERNEL(moe_sort_plan, MoeSortArgs, THREADS) {
  SHARED(u32, sums, THREADS);
  const auto total = [&](u32 expert) {
    u32 routes = 0;
    for (u32 chunk = 0; chunk < a.chunks; chunk++) routes += a.places[chunk * a.experts + expert];
    return routes;
  };
  const auto start = [&](u32 expert, u32 row) {
    for (u32 chunk = 0; chunk < a.chunks; chunk++) {
      u32 &place = a.places[chunk * a.experts + expert];
      const u32 routes = place;
      place = row;
      row += routes;
    }
  };
  give_blocks(a, sums, total, start);
}

PRESHUFFLE_KERNEL(moe_sort_scatter, MoeSortArgs, THREADS) {
  SHARED(u32, counters, MOST_EXPERTS);
  const u32 chunk = group_x();
  for (u32 expert = thread_x(); expert < a.experts; expert += THREADS) counters[expert] = a.places[chunk * a.experts + expert];
  barrier();
  place_chunk(a, counters, chunk);
}

PRESHUFFLE_KERNEL(moe_sort_single, MoeSortArgs, THREADS) {
  SHARED(u32, counters, MOST_EXPERTS);
  SHARED(u32, sums, THREADS);
  fill(a, thread_x(), THREADS);
  count_chunk(a, counters, 0);
  // Other waves write into the filled rows below.
  wait_memory<0>();
  barrier();
  give_blocks(a, sums, [&](u32 expert) { return counters[expert]; }, [&](u32 expert, u32 row) { counters[expert] = row; });
  barrier();
  place_chunk(a, counters, 0);
}
