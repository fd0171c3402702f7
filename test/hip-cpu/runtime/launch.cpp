#include "launch.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>

#include "faults.h"

namespace preshuffle_cpu {

namespace {

/** Workgroups that ran before: their stacks are in memory already. */
class Spare {
 public:
  std::unique_ptr<Workgroup> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (groups_.empty()) return std::make_unique<Workgroup>();
    auto group = std::move(groups_.back());
    groups_.pop_back();
    return group;
  }
  void put(std::unique_ptr<Workgroup> group) {
    const std::lock_guard<std::mutex> lock(mutex_);
    groups_.push_back(std::move(group));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workgroup>> groups_;
};

Spare &spare() {
  // Not destroyed: threads of the process may still launch while it ends.
  static Spare &instance = *new Spare;
  return instance;
}

/** The order in which workgroups start; empty when it is that of their numbers. */
std::vector<uint64_t> start_order(uint64_t count, const Settings &settings) {
  std::vector<uint64_t> order;
  if (settings.order == Order::forward) return order;
  order.resize(count);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (settings.order == Order::reverse) std::reverse(order.begin(), order.end());
  else std::shuffle(order.begin(), order.end(), std::mt19937_64(settings.seed));
  return order;
}

}  // namespace

Failure launch(const Kernel &kernel, const void *arguments, const uint32_t (&grid)[3], const Settings &settings) {
  install_fault_handler();
  const uint64_t count = uint64_t{grid[0]} * grid[1] * grid[2];
  const std::vector<uint64_t> order = start_order(count, settings);
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  Failure failure;
  const auto work = [&] {
    const FaultStack stack;
    std::unique_ptr<Workgroup> group = spare().take();
    for (uint64_t turn = next++; turn < count; turn = next++) {
      const uint64_t index = order.empty() ? turn : order[turn];
      const uint32_t place[3] = {static_cast<uint32_t>(index % grid[0]), static_cast<uint32_t>(index / grid[0] % grid[1]),
                                 static_cast<uint32_t>(index / grid[0] / grid[1])};
      if (group->run(kernel, arguments, place, settings, settings.seed ^ (index * 0x9e3779b97f4a7c15))) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      if (failure.status == 0) failure = group->failure();
      next = count;
    }
    spare().put(std::move(group));
  };
  // Never on the caller's own thread, whose signal stack is not ours.
  std::vector<std::thread> threads(static_cast<size_t>(std::min<uint64_t>(settings.threads, count)));
  for (std::thread &thread : threads) thread = std::thread(work);
  for (std::thread &thread : threads) thread.join();
  return failure;
}

}  // namespace preshuffle_cpu
