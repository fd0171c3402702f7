// Copies of a wave into LDS that are on their way. The device finishes them in order and counts them together with the loads to
// registers and the stores; s_waitcnt vmcnt(n) waits until no more than n are left.
#pragma once
#include <cstring>

#include "amdgcn/interface.h"

namespace preshuffle_cpu {

class MemoryQueue {
 public:
  void reset(bool lazy) {
    lazy_ = lazy;
    copies_ = 0;
    first_ = last_ = 0;
  }

  /**
   * A lane's part of a copy. The lanes come to it one after the other, the first lane first.
   * @param index number of copies that the lane has made before
   * @return what the device cannot do about it, or null
   */
  const char *copy(unsigned lane, size_t index, char *lds, const char *source, unsigned bytes) {
    if (lane == 0) {
      if (lazy_ && last_ - first_ == CAPACITY) return "starts too many copies into LDS without a wait";
      start({lds, bytes, index});
    }
    const Copy &copy = copies_of_wave_[index % CAPACITY];
    if (index >= copies_) return "makes a copy into LDS that lane 0 does not make";
    if (copy.lds != lds || copy.bytes != bytes) {
      return "copies into LDS at an address that is not the same for the whole wave";
    }
    if (lazy_) sources_[index % CAPACITY][lane] = source;
    else move(copy, lane, source);
    return nullptr;
  }

  /** An operation that is done already, but takes its place in the count. */
  void count() {
    // One that is not counted makes waits end late, which is the way to err.
    if (lazy_ && last_ - first_ < CAPACITY) order_[last_++ % CAPACITY] = NO_COPY;
  }

  /** All lanes have come to some operation. The device's counter has 6 bits: it has waited where there was no room. */
  void settle() {
    if (last_ - first_ > MOST_OUTSTANDING) wait(MOST_OUTSTANDING);
  }

  /** All lanes have come to the wait. */
  void wait(unsigned outstanding) {
    while (last_ - first_ > outstanding) {
      const size_t index = order_[first_++ % CAPACITY];
      if (index == NO_COPY) continue;
      const Copy &copy = copies_of_wave_[index % CAPACITY];
      for (unsigned lane = 0; lane < WAVE; lane++) move(copy, lane, sources_[index % CAPACITY][lane]);
    }
  }

 private:
  static constexpr unsigned MOST_OUTSTANDING = 63;
  static constexpr size_t CAPACITY = 256;
  static constexpr size_t NO_COPY = ~size_t{0};

  struct Copy {
    char *lds;
    unsigned bytes;
    size_t index;
  };

  void start(const Copy &copy) {
    copies_of_wave_[copy.index % CAPACITY] = copy;
    copies_ = copy.index + 1;
    if (lazy_) order_[last_++ % CAPACITY] = copy.index;
  }

  static void move(const Copy &copy, unsigned lane, const char *source) {
    char *target = copy.lds + lane * copy.bytes;
    if (source == nullptr) memset(target, 0, copy.bytes);
    else memcpy(target, source, copy.bytes);
  }

  bool lazy_ = false;
  /** Copies that the first lane has made. */
  size_t copies_ = 0;
  Copy copies_of_wave_[CAPACITY];
  const char *sources_[CAPACITY][WAVE];
  /** Numbers of copies and, in between, operations that are done already. */
  size_t order_[CAPACITY];
  size_t first_ = 0;
  size_t last_ = 0;
};

}  // namespace preshuffle_cpu
