#include "settings.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace preshuffle_cpu {

namespace {

/** An empty variable is one that is not set. */
const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == nullptr || *value == 0 ? nullptr : value;
}

/** False when the text is no whole number. */
bool number(const char *text, uint64_t &out) {
  if (*text < '0' || *text > '9') return false;
  char *end = nullptr;
  out = strtoull(text, &end, 10);
  return *end == 0;
}

bool read_order(const char *text, Settings &settings) {
  if (strcmp(text, "forward") == 0) return true;
  if (strcmp(text, "reverse") == 0) return settings.order = Order::reverse, true;
  constexpr char random[] = "random:";
  if (strncmp(text, random, sizeof random - 1) != 0) return false;
  settings.order = Order::random;
  return number(text + sizeof random - 1, settings.seed);
}

}  // namespace

const char *read_settings(Settings &settings) {
  settings = {};
  const unsigned cores = std::thread::hardware_concurrency();
  settings.threads = cores == 0 ? 1 : cores;
  if (const char *text = variable("PRESHUFFLE_HIP_CPU_ORDER"); text != nullptr && !read_order(text, settings)) {
    return "PRESHUFFLE_HIP_CPU_ORDER must be forward, reverse or random:<seed>";
  }
  if (const char *text = variable("PRESHUFFLE_HIP_CPU_DMA"); text != nullptr) {
    settings.lazy = strcmp(text, "lazy") == 0;
    if (!settings.lazy && strcmp(text, "eager") != 0) return "PRESHUFFLE_HIP_CPU_DMA must be eager or lazy";
  }
  if (const char *text = variable("PRESHUFFLE_HIP_CPU_THREADS"); text != nullptr) {
    uint64_t threads = 0;
    if (!number(text, threads) || threads == 0 || threads > 1024) {
      return "PRESHUFFLE_HIP_CPU_THREADS must be a number from 1 to 1024";
    }
    settings.threads = static_cast<unsigned>(threads);
  }
  return nullptr;
}

std::string device_arch() {
  const char *text = variable("PRESHUFFLE_HIP_CPU_ARCH");
  return text == nullptr ? "gfx950" : text;
}

size_t device_memory() {
  uint64_t bytes = 0;
  const char *text = variable("PRESHUFFLE_HIP_CPU_MEMORY");
  return text != nullptr && number(text, bytes) ? bytes : size_t{8} << 30;
}

}  // namespace preshuffle_cpu
