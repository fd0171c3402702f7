// Device memory: every buffer ends at a page that must not be touched, holds no zeros by chance, and is gone once freed.
#pragma once
#include <cstddef>
#include <string>

namespace preshuffle_cpu {

/** Gives out memory, aligned to 16 bytes, within the limit of device_memory(). @return hipError_t */
int allocate(void **out, size_t bytes);

/** Takes it back. @return hipError_t; hipErrorIllegalAddress when something wrote right behind it */
int release(void *pointer);

void memory_info(size_t *free, size_t *total);

/** Whether all these bytes are in one buffer, or in the data of a code object that was asked for. */
bool is_device_memory(const void *address, size_t bytes);

/** From now on a global of a code object counts as device memory. */
void admit_global(const void *address, size_t bytes);

/** Says where an address lies: behind which buffer, or in none. */
std::string describe_address(const void *address);

}  // namespace preshuffle_cpu
