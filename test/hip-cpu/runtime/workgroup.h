// One workgroup at a time: its lanes are fibers of one thread.
//
// The lanes of a wave run one after the other, each until it comes to an operation of the wave, ends, or fails. The last one
// finds all others waiting at the same operation, or reports that they parted. Waves change at barriers, in a given order; in
// random order they also change after every operation.
#pragma once
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "amdgcn/interface.h"
#include "fiber.h"
#include "memory-queue.h"
#include "settings.h"

namespace preshuffle_cpu {

struct Kernel {
  std::string name;
  void (*entry)(const void *arguments);
  uint32_t argument_bytes;
  uint32_t threads;
  uint32_t lds_bytes;
};

/** Why a launch ended early. */
struct Failure {
  /** `hipError_t`. */
  int status = 0;
  /** Kernel, workgroup, wave, lane, and what happened. */
  std::string text;
};

class Workgroup {
 public:
  Workgroup();
  ~Workgroup();
  Workgroup(const Workgroup &) = delete;

  /** The one that runs on this thread, or null. */
  static Workgroup *running() { return running_; }

  /** Runs a workgroup to its end. @return false when it failed; see failure() */
  bool run(const Kernel &kernel, const void *arguments, const uint32_t (&group)[3], const Settings &settings,
           uint64_t seed);
  const Failure &failure() const { return failure_; }

  const LaneFacts *lane_facts() const { return &lanes_[current_].facts; }
  MemoryQueue &memory_queue() { return waves_[current_ / WAVE].queue; }
  bool is_first_lane() const { return current_ % WAVE == 0; }

  /** The running lane waits for the others of its wave. `site` is where in the kernel. */
  void wave_operation(const WaveOperation *operation, void *operand, const void *site) {
    Lane &lane = lanes_[current_];
    lane.at = {operation, site, lane.at.copies};
    operands_[current_ % WAVE] = operand;
    pass_on();
  }

  /** The running lane's part of a copy into LDS; see preshuffle_cpu_dma. */
  void copy(char *lds, const char *source, unsigned bytes);

  /** Ends the launch with an error at the lane that runs. */
  [[noreturn]] void fail(int status, const std::string &what);
  /** The same from a signal handler, which goes on with the stack returned. */
  StackPointer fault(int signal, const void *address);

 private:
  static constexpr unsigned EXPECTED_LINES = 8;

  enum class WaveState { ready, at_barrier, ended };

  /** Where a lane waits. */
  struct Place {
    /** Null at the end. */
    const WaveOperation *operation;
    const void *site;
    /** Copies into LDS that it has asked for. */
    size_t copies;

    bool operator==(const Place &other) const {
      return operation == other.operation && site == other.site && copies == other.copies;
    }
  };

  struct Lane {
    LaneFacts facts;
    StackPointer stack;
    Place at;

    /** It runs soon: by then the top of its stack is to be in the first-level cache. */
    void expect() const {
      for (unsigned line = 0; line < EXPECTED_LINES; line++) __builtin_prefetch(static_cast<char *>(stack) + line * 64, 1);
    }
  };

  struct Wave {
    WaveState state;
    MemoryQueue queue;
  };

  static void lane_main();
  /** The running lane waits or has ended: lets the next of its wave run, or goes on with the wave. */
  void pass_on() {
    const unsigned lane = current_ % WAVE;
    // The lane before came to its place a moment ago.
    if (lane != 0 && !(lanes_[current_].at == lanes_[current_ - 1].at)) apart_ = true;
    if (lane == WAVE - 1) return finish_operation(current_ / WAVE);
    if (lane + 2 < WAVE) lanes_[current_ + 2].expect();
    go_to(current_ + 1);
  }
  void finish_operation(unsigned wave);
  /** Tells which lane of a wave parted from the others. */
  [[noreturn]] void fail_apart(unsigned wave);
  /** Lets a wave run. With none left, the workgroup is done. */
  void next_wave();
  bool choose_wave(unsigned &wave);
  void go_to(unsigned lane) {
    const unsigned from = current_;
    if (lane == from) return;
    current_ = lane;
    preshuffle_cpu_switch(&lanes_[from].stack, lanes_[lane].stack);
  }
  std::string where(const Lane &lane) const;
  std::string what_happened() const;

  static __thread Workgroup *running_ __attribute__((tls_model("initial-exec")));

  Stacks stacks_;
  /** As many as the largest workgroup so far had. */
  std::vector<Lane> lanes_;
  std::vector<Wave> waves_;
  unsigned wave_count_ = 0;
  char *lds_memory_;
  unsigned current_ = 0;
  /** What the lanes of the wave that runs gave. */
  void *operands_[WAVE];
  /** Whether these have parted. */
  bool apart_ = false;
  StackPointer caller_ = nullptr;
  const Kernel *kernel_ = nullptr;
  const void *arguments_ = nullptr;
  Order order_ = Order::forward;
  std::mt19937_64 random_;
  Failure failure_;
  int fault_signal_ = 0;
  const void *fault_address_ = nullptr;
};

/** Where a wave waits for the others of the workgroup. */
extern const WaveOperation BARRIER;

}  // namespace preshuffle_cpu
