// Copies and fills. Device memory that was freed, or never was any, is an error and not a crash or a silent success.
#include <cstdint>
#include <cstring>

#include "hip-status.h"
#include "memory.h"
#include "report.h"
#include "stream.h"

using namespace preshuffle_cpu;

namespace {

/** `hipMemcpyKind`. */
enum Kind { HOST_TO_HOST = 0, HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3, BY_ADDRESS = 4 };

/** Whether bytes lie in one buffer; says so where they do not. */
bool require_device(const char *call, const char *what, const void *address, size_t bytes) {
  if (bytes == 0 || is_device_memory(address, bytes)) return true;
  report(std::string(call) + ": the " + what + ", " + std::to_string(bytes) + " bytes at " + describe_address(address) +
         ", is not all in one buffer");
  return false;
}

int copy(void *target, const void *source, size_t bytes, int kind) {
  if (kind < HOST_TO_HOST || kind > BY_ADDRESS) return STATUS_INVALID_VALUE;
  const bool to_device = kind == HOST_TO_DEVICE || kind == DEVICE_TO_DEVICE;
  const bool from_device = kind == DEVICE_TO_HOST || kind == DEVICE_TO_DEVICE;
  if (to_device && !require_device("hipMemcpy", "target", target, bytes)) return STATUS_INVALID_VALUE;
  if (from_device && !require_device("hipMemcpy", "source", source, bytes)) return STATUS_INVALID_VALUE;
  memmove(target, source, bytes);
  return STATUS_SUCCESS;
}

int fill(void *target, uint32_t value, size_t width, size_t count) {
  if (!require_device("hipMemset", "target", target, width * count)) return STATUS_INVALID_VALUE;
  char *const first = static_cast<char *>(target);
  if (width == 1) memset(first, static_cast<int>(value), count);
  else for (size_t index = 0; index < count; index++) memcpy(first + index * width, &value, width);
  return STATUS_SUCCESS;
}

}  // namespace

HIP int hipMemcpyAsync(void *target, const void *source, size_t bytes, int kind, void *stream) {
  return enqueue(stream, [=](Stream &) -> int { return copy(target, source, bytes, kind); });
}

HIP int hipMemcpy(void *target, const void *source, size_t bytes, int kind) {
  return hipMemcpyAsync(target, source, bytes, kind, nullptr);
}

HIP int hipMemsetAsync(void *target, int value, size_t bytes, void *stream) {
  return enqueue(stream, [=](Stream &) -> int { return fill(target, static_cast<uint32_t>(value), 1, bytes); });
}

HIP int hipMemset(void *target, int value, size_t bytes) { return hipMemsetAsync(target, value, bytes, nullptr); }

HIP int hipMemsetD32Async(void *target, int value, size_t count, void *stream) {
  return enqueue(stream, [=](Stream &) -> int { return fill(target, static_cast<uint32_t>(value), 4, count); });
}

HIP int hipFreeAsync(void *pointer, void *stream) {
  return enqueue(stream, [=](Stream &) -> int { return release(pointer); });
}
