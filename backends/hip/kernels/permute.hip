// Stores the elements of one layout in the order of another. The layouts come as tables of digits, so that one compiled
// kernel serves all of them: a position in the target gives a coordinate, and the coordinate a position in the source.
#include "lib/gfx.h"

constexpr int MOST_AXES = 8;
constexpr int MOST_DIGITS = 16;
constexpr int THREADS = 256;

// Division by a number that is known at launch: quotient = (t + ((n - t) >> first)) >> second with t = high(n * multiplier).
// Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994), figure 4.1.
struct Divisor {
  u32 multiplier;
  // The first shift in bits 0..7, the second in bits 8..15.
  u32 shifts;
};

struct Axis {
  // Logical size, in units.
  u32 size;
  // End of its digits in the two tables; they begin where the axis before ends.
  u32 target_end;
  u32 source_end;
};

// ((position / stride) % size) * place is what a digit of the target adds to the coordinate.
struct TargetDigit {
  Divisor stride;
  Divisor by_size;
  u32 size;
  u32 place;
};

// Digits of the source, innermost first: each takes its part off the coordinate.
struct SourceDigit {
  Divisor by_size;
  u32 size;
  u32 stride;
};

struct PermuteArgs {
  const unsigned char *x;
  unsigned char *y;
  // Units of the target, padding included. A unit has as many bits as the kernel's name says: one element or neighbours.
  u32 units;
  // The byte for padding, four times.
  u32 fill;
  u32 axes;
  Axis axis[MOST_AXES];
  TargetDigit target[MOST_DIGITS];
  SourceDigit source[MOST_DIGITS];
};

constexpr u32 PADDING = 0xffffffff;

DEVICE u32 quotient(u32 number, Divisor by) {
  const u32 high = (u32)(((u64)number * by.multiplier) >> 32);
  return (high + ((number - high) >> (by.shifts & 255))) >> (by.shifts >> 8);
}

// Where the value of a unit of the target lies in the source.
DEVICE u32 source_of(const PermuteArgs &a, u32 unit) {
  u32 offset = 0;
  u32 target = 0;
  u32 source = 0;
  for (u32 axis = 0; axis < a.axes; axis++) {
    u32 coordinate = 0;
    for (; target < a.axis[axis].target_end; target++) {
      const u32 shifted = quotient(unit, a.target[target].stride);
      const u32 digit = shifted - quotient(shifted, a.target[target].by_size) * a.target[target].size;
      coordinate += digit * a.target[target].place;
    }
    if (coordinate >= a.axis[axis].size) return PADDING;
    for (; source < a.axis[axis].source_end; source++) {
      const u32 rest = quotient(coordinate, a.source[source].by_size);
      offset += (coordinate - rest * a.source[source].size) * a.source[source].stride;
      coordinate = rest;
    }
  }
  return offset;
}

// Units of at least a word: a thread moves one.
template <typename Unit> DEVICE void move_unit(const PermuteArgs &a, u32 unit, Unit fill) {
  if (unit >= a.units) return;
  const u32 from = source_of(a, unit);
  ((Unit *)a.y)[unit] = from == PADDING ? fill : ((const Unit *)a.x)[from];
}

// Narrow units: a thread fills a word of the target, so that no two write into one byte and stores are wide.
template <int BITS> DEVICE void gather_word(const PermuteArgs &a, u32 index) {
  constexpr u32 PER_WORD = 32 / BITS;
  constexpr u32 MASK = (1u << BITS) - 1;
  const u64 bytes = ((u64)a.units * BITS + 7) / 8;
  if ((u64)index * 4 >= bytes) return;
  u32 word = a.fill;
  for (u32 lane = 0; lane < PER_WORD; lane++) {
    const u32 unit = index * PER_WORD + lane;
    if (unit >= a.units) break;
    const u32 from = source_of(a, unit);
    if (from == PADDING) continue;
    u32 code;
    if constexpr (BITS == 4) code = (u32)a.x[from >> 1] >> ((from & 1) * 4);
    else if constexpr (BITS == 8) code = a.x[from];
    else code = ((const unsigned short *)a.x)[from];
    word = (word & ~(MASK << (lane * BITS))) | ((code & MASK) << (lane * BITS));
  }
  // The last word may be cut off.
  const u64 left = bytes - (u64)index * 4;
  if (left >= 4) {
    ((u32 *)a.y)[index] = word;
    return;
  }
  for (u32 byte = 0; byte < left; byte++) a.y[(u64)index * 4 + byte] = (unsigned char)(word >> (byte * 8));
}

DEVICE u32 thread_number() { return (u32)group_x() * THREADS + (u32)thread_x(); }

PRESHUFFLE_KERNEL(permute_4, PermuteArgs, THREADS) { gather_word<4>(a, thread_number()); }
PRESHUFFLE_KERNEL(permute_8, PermuteArgs, THREADS) { gather_word<8>(a, thread_number()); }
PRESHUFFLE_KERNEL(permute_16, PermuteArgs, THREADS) { gather_word<16>(a, thread_number()); }
PRESHUFFLE_KERNEL(permute_32, PermuteArgs, THREADS) { move_unit<u32>(a, thread_number(), a.fill); }
PRESHUFFLE_KERNEL(permute_64, PermuteArgs, THREADS) {
  move_unit<u32x2>(a, thread_number(), (u32x2)(a.fill));
}
PRESHUFFLE_KERNEL(permute_128, PermuteArgs, THREADS) {
  move_unit<u32x4>(a, thread_number(), (u32x4)(a.fill));
}
