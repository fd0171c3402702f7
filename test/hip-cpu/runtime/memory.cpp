#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>

#include "hip-status.h"
#include "report.h"
#include "settings.h"

namespace preshuffle_cpu {

namespace {

constexpr size_t PAGE = 4096;
/** What kernels may expect of an address. */
constexpr size_t ALIGNMENT = 16;
/** NaN in every float format of the package. */
constexpr int POISON = 0xff;
/** Between the end of a buffer and its guard page, when its size is no multiple of 16. */
constexpr unsigned char CANARY = 0xc5;

struct Block {
  size_t bytes;
  char *mapping;
  size_t mapping_bytes;
};

std::mutex mutex;
std::map<char *, Block> blocks;
/** Buffers whose addresses are not given out again for a while, so that touching them is noticed. */
std::map<char *, Block> freed;
std::deque<char *> freed_order;
constexpr size_t MOST_FREED = 1000;
/** Globals of code objects. */
std::map<const char *, size_t> globals;
size_t used = 0;

size_t round_up(size_t value, size_t to) { return (value + to - 1) / to * to; }

std::string buffer_name(const std::pair<char *const, Block> &entry) {
  char text[64];
  snprintf(text, sizeof text, "a buffer of %zu bytes at %p", entry.second.bytes, static_cast<void *>(entry.first));
  return text;
}

}  // namespace

int allocate(void **out, size_t bytes) {
  if (bytes == 0) return *out = nullptr, STATUS_SUCCESS;
  const std::lock_guard<std::mutex> lock(mutex);
  const size_t limit = device_memory();
  if (bytes > limit || used > limit - bytes) return STATUS_OUT_OF_MEMORY;
  const size_t padded = round_up(bytes, ALIGNMENT);
  const size_t pages = round_up(padded, PAGE);
  const size_t mapping_bytes = pages + 2 * PAGE;
  void *mapping = mmap(nullptr, mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return STATUS_OUT_OF_MEMORY;
  char *first = static_cast<char *>(mapping) + PAGE;
  if (mprotect(first, pages, PROT_READ | PROT_WRITE) != 0) return munmap(mapping, mapping_bytes), STATUS_OUT_OF_MEMORY;
  char *address = first + (pages - padded);
  memset(address, POISON, bytes);
  memset(address + bytes, CANARY, padded - bytes);
  blocks[address] = {bytes, static_cast<char *>(mapping), mapping_bytes};
  used += bytes;
  *out = address;
  return STATUS_SUCCESS;
}

int release(void *pointer) {
  if (pointer == nullptr) return STATUS_SUCCESS;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = blocks.find(static_cast<char *>(pointer));
  if (found == blocks.end()) return STATUS_INVALID_VALUE;
  const auto &[address, block] = *found;
  bool intact = true;
  for (size_t at = block.bytes; at < round_up(block.bytes, ALIGNMENT); at++) {
    intact = intact && static_cast<unsigned char>(address[at]) == CANARY;
  }
  if (!intact) report("something wrote up to 15 bytes behind " + buffer_name(*found));
  used -= block.bytes;
  // Gives the memory back and keeps the addresses.
  mmap(block.mapping, block.mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  freed[address] = block;
  freed_order.push_back(address);
  blocks.erase(found);
  if (freed_order.size() > MOST_FREED) {
    const auto oldest = freed.find(freed_order.front());
    munmap(oldest->second.mapping, oldest->second.mapping_bytes);
    freed.erase(oldest);
    freed_order.pop_front();
  }
  return intact ? STATUS_SUCCESS : STATUS_ILLEGAL_ADDRESS;
}

void memory_info(size_t *free, size_t *total) {
  const std::lock_guard<std::mutex> lock(mutex);
  *total = device_memory();
  *free = used < *total ? *total - used : 0;
}

bool is_device_memory(const void *pointer, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  const char *address = static_cast<const char *>(pointer);
  const auto after = blocks.upper_bound(const_cast<char *>(address));
  if (after != blocks.begin()) {
    const auto &[start, block] = *std::prev(after);
    const size_t offset = static_cast<size_t>(address - start);
    if (offset <= block.bytes && bytes <= block.bytes - offset) return true;
  }
  const auto global = globals.find(address);
  return global != globals.end() && bytes <= global->second;
}

void admit_global(const void *address, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  globals[static_cast<const char *>(address)] = bytes;
}

std::string describe_address(const void *pointer) {
  const std::lock_guard<std::mutex> lock(mutex);
  char *address = const_cast<char *>(static_cast<const char *>(pointer));
  char text[64];
  snprintf(text, sizeof text, "address %p, ", pointer);
  auto after = blocks.upper_bound(address);
  if (after != blocks.end() && address >= after->second.mapping) {
    return text + std::to_string(after->first - address) + " bytes before " + buffer_name(*after);
  }
  if (after != blocks.begin()) {
    const auto before = std::prev(after);
    const char *end = before->first + before->second.bytes;
    if (address < end) return text + std::to_string(address - before->first) + " bytes into " + buffer_name(*before);
    if (address < before->second.mapping + before->second.mapping_bytes) {
      return text + std::to_string(address - end) + " bytes behind the end of " + buffer_name(*before);
    }
  }
  const auto gone = freed.upper_bound(address);
  if (gone != freed.begin()) {
    const auto before = std::prev(gone);
    if (address < before->second.mapping + before->second.mapping_bytes) {
      return text + ("in " + buffer_name(*before)) + ", which was freed";
    }
  }
  return std::string(text) + "which is in no buffer";
}

}  // namespace preshuffle_cpu
