// Scales of weights: DeepGEMM's packed powers of two, and the change from e4m3fn to e4m3fnuz.
#include "lib/gfx.h"

constexpr int THREADS = 256;

struct PackArgs {
  const u32 *x;
  u32 *y;
  // 1 after a scale that is no power of two: its exponent alone would be another number.
  u32 *invalid;
  u32 batch;
  // Rows of the binary32 scales, and of the packed ones, each of which takes row / gran of the others.
  u32 rows;
  u32 mn;
  u32 gran;
  // Scales of a row, and 32-bit words that hold their exponents.
  u32 groups;
  u32 words;
  // mn, padded to 16 bytes.
  u32 aligned;
};

DEVICE u32 thread_number() { return (u32)group_x() * THREADS + (u32)thread_x(); }

// Four exponents, the first in the lowest byte; those that a row lacks are zero.
DEVICE u32 packed(const PackArgs &a, u64 row, u32 word) {
  u32 out = 0;
  for (u32 i = 0; i < 4 && word * 4 + i < a.groups; i++) {
    const u32 scale = a.x[row * a.groups + word * 4 + i];
    if ((scale & 0x807fffff) != 0) *a.invalid = 1;
    out |= (scale >> 23 & 255) << (8 * i);
  }
  return out;
}

// binary32 [rows, groups] to words [rows, words], both row-major.
PRESHUFFLE_KERNEL(pack_rows, PackArgs, THREADS) {
  const u32 index = thread_number();
  const u32 row = index / a.words;
  if (row < a.rows) a.y[index] = packed(a, row, index - row * a.words);
}

// binary32 [batch, rows, groups], row-major, to words [batch, words, aligned]. The padding of a column is zero.
PRESHUFFLE_KERNEL(pack_mn_major, PackArgs, THREADS) {
  const u32 index = thread_number();
  const u32 column = index / a.aligned;
  const u32 row = index - column * a.aligned;
  const u32 batch = column / a.words;
  if (batch >= a.batch) return;
  const u64 from = (u64)batch * a.rows + row / a.gran;
  a.y[index] = row < a.mn ? packed(a, from, column - batch * a.words) : 0;
}

// And back. Byte 0 becomes 0, byte 255 infinity, as in the sources.
PRESHUFFLE_KERNEL(unpack_mn_major, PackArgs, THREADS) {
  const u32 index = thread_number();
  const u32 line = index / a.groups;
  const u32 group = index - line * a.groups;
  const u32 batch = line / a.rows;
  if (batch >= a.batch) return;
  const u32 row = line - batch * a.rows;
  const u32 word = a.x[((u64)batch * a.words + group / 4) * a.aligned + (u64)row * a.gran];
  a.y[index] = (word >> (8 * (group & 3)) & 255) << 23;
}

struct FnuzArgs {
  const u8 *x;
  u8 *y;
  // Bytes of codes, or scales.
  u32 count;
};

// Of four codes. The one that is -0 in e4m3fn is the NaN of e4m3fnuz.
DEVICE u32 without_negative_zero(u32 word) {
  const u32 other = word ^ 0x80808080;
  // The top bit of each byte of `other` that is zero.
  const u32 found = ~(((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other | 0x7f7f7f7f);
  return word & ~found;
}

// 16 codes a thread.
PRESHUFFLE_KERNEL(fnuz_codes, FnuzArgs, THREADS) {
  const u32 unit = thread_number();
  if (unit < a.count / 16) {
    u32x4 words = ((const u32x4 *)a.x)[unit];
    UNROLL for (int i = 0; i < 4; i++) words[i] = without_negative_zero(words[i]);
    ((u32x4 *)a.y)[unit] = words;
  } else if (unit == a.count / 16) {
    for (u32 at = unit * 16; at < a.count; at++) a.y[at] = a.x[at] == 0x80 ? 0 : a.x[at];
  }
}

PRESHUFFLE_KERNEL(fnuz_scales, FnuzArgs, THREADS) {
  const u32 at = thread_number();
  if (at < a.count) ((f32 *)a.y)[at] = ((const f32 *)a.x)[at] * 2;
}
