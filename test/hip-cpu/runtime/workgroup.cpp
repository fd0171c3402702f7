#include "workgroup.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "hip-status.h"
#include "memory.h"

namespace preshuffle_cpu {

const WaveOperation BARRIER = {"barrier", [](void *const *) {}};

namespace {

constexpr size_t PAGE = 4096;
/** Every format of the package reads this as NaN or as its largest magnitude: nobody takes it for data. */
constexpr int LDS_POISON = 0xff;

std::string hex(const void *address) {
  char text[24];
  snprintf(text, sizeof text, "%p", address);
  return text;
}

/** An address in a code object, as addr2line wants it. */
std::string site_name(const void *site) {
  Dl_info info;
  if (dladdr(site, &info) == 0) return hex(site);
  return "object+" + hex(reinterpret_cast<const void *>(static_cast<const char *>(site) - static_cast<char *>(info.dli_fbase)));
}

}  // namespace

// Read for every thread_x(): a fixed offset from the thread pointer, without a call.
__thread Workgroup *Workgroup::running_ = nullptr;

Workgroup::Workgroup() {
  void *memory = mmap(nullptr, LDS_BYTES + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  lds_memory_ = static_cast<char *>(memory) + PAGE;
  mprotect(lds_memory_, LDS_BYTES, PROT_READ | PROT_WRITE);
}

Workgroup::~Workgroup() { munmap(lds_memory_ - PAGE, LDS_BYTES + 2 * PAGE); }

bool Workgroup::run(const Kernel &kernel, const void *arguments, const uint32_t (&group)[3], const Settings &settings,
                    uint64_t seed) {
  kernel_ = &kernel;
  arguments_ = arguments;
  order_ = settings.order;
  random_.seed(seed);
  failure_ = {};
  fault_signal_ = 0;
  apart_ = false;
  wave_count_ = kernel.threads / WAVE;
  if (lanes_.size() < kernel.threads) {
    stacks_.reserve(kernel.threads);
    lanes_.resize(kernel.threads);
    waves_ = std::vector<Wave>(wave_count_);
  }
  // It ends at the guard page, so that what lies behind it cannot be touched.
  char *lds = lds_memory_ + LDS_BYTES - kernel.lds_bytes;
  memset(lds, LDS_POISON, kernel.lds_bytes);
  for (uint32_t index = 0; index < kernel.threads; index++) {
    const LaneFacts facts = {index, {group[0], group[1], group[2]}, lds};
    lanes_[index] = {facts, stacks_.start(index, lane_main), {}};
  }
  for (unsigned wave = 0; wave < wave_count_; wave++) {
    waves_[wave].state = WaveState::ready;
    waves_[wave].queue.reset(settings.lazy);
  }
  running_ = this;
  unsigned first = 0;
  choose_wave(first);
  current_ = first * WAVE;
  preshuffle_cpu_switch(&caller_, lanes_[current_].stack);
  running_ = nullptr;
  if (fault_signal_ != 0) failure_ = {STATUS_ILLEGAL_ADDRESS, where(lanes_[current_]) + what_happened()};
  return failure_.status == 0;
}

void Workgroup::lane_main() {
  Workgroup &group = *running_;
  group.kernel_->entry(group.arguments_);
  Place &at = group.lanes_[group.current_].at;
  at = {nullptr, nullptr, at.copies};
  group.pass_on();
  abort();
}

void Workgroup::copy(char *lds, const char *source, unsigned bytes) {
  const unsigned lane = current_ % WAVE;
  const char *wrong = memory_queue().copy(lane, lanes_[current_].at.copies++, lds, source, bytes);
  if (wrong != nullptr) fail(STATUS_LAUNCH_FAILURE, wrong);
}

void Workgroup::finish_operation(unsigned wave) {
  if (apart_) fail_apart(wave);
  waves_[wave].queue.settle();
  const WaveOperation *operation = lanes_[wave * WAVE].at.operation;
  if (operation == nullptr) {
    waves_[wave].state = WaveState::ended;
    return next_wave();
  }
  if (operation == &BARRIER) {
    waves_[wave].state = WaveState::at_barrier;
    return next_wave();
  }
  operation->run(operands_);
  if (order_ == Order::random) next_wave();
  else go_to(wave * WAVE);
}

void Workgroup::fail_apart(unsigned wave) {
  unsigned index = wave * WAVE + 1;
  const Lane &first = lanes_[wave * WAVE];
  while (lanes_[index].at == first.at) index++;
  current_ = index;
  const Lane &lane = lanes_[index];
  if (lane.at.operation == first.at.operation && lane.at.site == first.at.site) {
    fail(STATUS_LAUNCH_FAILURE, "the wave diverges: this lane has made " + std::to_string(lane.at.copies) +
                                    " copies into LDS, lane 0 " + std::to_string(first.at.copies));
  }
  const auto doing = [](const Place &at) {
    if (at.operation == nullptr) return std::string("has ended");
    return "is at " + std::string(at.operation->name) + " (" + site_name(at.site) + ")";
  };
  fail(STATUS_LAUNCH_FAILURE, "the wave diverges: this lane " + doing(lane.at) + ", lane 0 " + doing(first.at));
}

void Workgroup::next_wave() {
  unsigned wave = 0;
  if (!choose_wave(wave)) {
    bool any = false;
    for (unsigned index = 0; index < wave_count_; index++) {
      if (waves_[index].state != WaveState::at_barrier) continue;
      waves_[index].state = WaveState::ready;
      any = true;
    }
    if (!any) preshuffle_cpu_resume(caller_);
    choose_wave(wave);
  }
  go_to(wave * WAVE);
}

bool Workgroup::choose_wave(unsigned &wave) {
  unsigned ready[1024 / WAVE];
  unsigned count = 0;
  for (unsigned index = 0; index < wave_count_; index++) {
    if (waves_[index].state == WaveState::ready) ready[count++] = index;
  }
  if (count == 0) return false;
  if (order_ == Order::forward) wave = ready[0];
  else if (order_ == Order::reverse) wave = ready[count - 1];
  else wave = ready[random_() % count];
  return true;
}

void Workgroup::fail(int status, const std::string &what) {
  failure_ = {status, where(lanes_[current_]) + what};
  preshuffle_cpu_resume(caller_);
}

StackPointer Workgroup::fault(int signal, const void *address) {
  fault_signal_ = signal;
  fault_address_ = address;
  return caller_;
}

std::string Workgroup::where(const Lane &lane) const {
  const auto &[thread, group, lds] = lane.facts;
  char text[160];
  snprintf(text, sizeof text, "workgroup %u,%u,%u, wave %u, lane %u: ", group[0], group[1], group[2], thread / WAVE,
           thread % WAVE);
  return "kernel " + kernel_->name + ", " + text;
}

std::string Workgroup::what_happened() const {
  if (fault_signal_ == SIGFPE) return "divides an integer by zero";
  if (fault_signal_ == SIGILL || fault_signal_ == SIGTRAP) return "traps";
  if (stacks_.overflown(fault_address_) >= 0) return "overflows its stack";
  const char *address = static_cast<const char *>(fault_address_);
  const char *end = lds_memory_ + LDS_BYTES;
  if (address >= end && address < end + PAGE) {
    return "touches LDS " + std::to_string(address - end) + " bytes behind its end (" + std::to_string(kernel_->lds_bytes) +
           " bytes)";
  }
  if (address < lds_memory_ && address >= lds_memory_ - PAGE) return "touches memory below LDS";
  return "touches " + describe_address(fault_address_);
}

}  // namespace preshuffle_cpu
