// Builtins that reach memory through a descriptor with a size: loads outside of it give zero, stores are dropped.
//
// Stricter than the device where its behaviour is not documented: an access that lies partly outside, or outside only because
// of the scalar offset (which the bounds check leaves out, as LLVM has it), is an error here.
#pragma once
#include "kernel.h"

namespace amdgcn {

struct Resource {
  char *base;
  uint32_t bytes;
};

inline Resource make_buffer_rsrc(void *base, short, int bytes, int) { return {(char *)base, (uint32_t)bytes}; }

/** Where an access goes; null when it lies outside. */
inline char *buffer_place(const Resource &buffer, uint32_t offset, uint32_t scalar_offset, uint32_t bytes) {
  const uint64_t end = (uint64_t)offset + bytes;
  if (end > buffer.bytes) {
    if (offset < buffer.bytes) preshuffle_cpu_fail("accesses a buffer at an offset that is only partly inside");
    return nullptr;
  }
  if (end + scalar_offset > buffer.bytes) {
    preshuffle_cpu_fail("accesses a buffer outside of its bounds by the uniform offset, which the device does not check");
  }
  char *place = buffer.base + offset + scalar_offset;
  const uintptr_t alignment = bytes < 4 ? bytes : 4;
  if ((uintptr_t)place % alignment != 0) preshuffle_cpu_fail("accesses a buffer at an address that is not aligned");
  return place;
}

template <typename Value> Value load_value(const Resource &buffer, uint32_t offset, uint32_t scalar_offset) {
  Value value = {};
  preshuffle_cpu_count_memory();
  if (const char *place = buffer_place(buffer, offset, scalar_offset, sizeof value)) memcpy(&value, place, sizeof value);
  return value;
}

template <typename Value> void store_value(Value value, const Resource &buffer, uint32_t offset, uint32_t scalar_offset) {
  preshuffle_cpu_count_memory();
  if (char *place = buffer_place(buffer, offset, scalar_offset, sizeof value)) memcpy(place, &value, sizeof value);
}

typedef unsigned Words2 __attribute__((ext_vector_type(2)));
typedef unsigned Words4 __attribute__((ext_vector_type(4)));

inline uint8_t raw_buffer_load_b8(Resource b, int offset, int scalar, int) { return load_value<uint8_t>(b, offset, scalar); }
inline uint16_t raw_buffer_load_b16(Resource b, int offset, int scalar, int) { return load_value<uint16_t>(b, offset, scalar); }
inline uint32_t raw_buffer_load_b32(Resource b, int offset, int scalar, int) { return load_value<uint32_t>(b, offset, scalar); }
inline Words2 raw_buffer_load_b64(Resource b, int offset, int scalar, int) { return load_value<Words2>(b, offset, scalar); }
inline Words4 raw_buffer_load_b128(Resource b, int offset, int scalar, int) { return load_value<Words4>(b, offset, scalar); }

inline void raw_buffer_store_b8(uint8_t v, Resource b, int offset, int scalar, int) { store_value(v, b, offset, scalar); }
inline void raw_buffer_store_b16(uint16_t v, Resource b, int offset, int scalar, int) { store_value(v, b, offset, scalar); }
inline void raw_buffer_store_b32(uint32_t v, Resource b, int offset, int scalar, int) { store_value(v, b, offset, scalar); }
inline void raw_buffer_store_b64(Words2 v, Resource b, int offset, int scalar, int) { store_value(v, b, offset, scalar); }
inline void raw_buffer_store_b128(Words4 v, Resource b, int offset, int scalar, int) { store_value(v, b, offset, scalar); }

/** Straight into LDS: at lds + lane * bytes + immediate. */
__attribute__((convergent)) inline void raw_ptr_buffer_load_lds(Resource b, void *lds, int bytes, int offset, int scalar,
                                                                int immediate, int) {
  char *target = (char *)lds + immediate;
  if ((uintptr_t)target % bytes != 0) preshuffle_cpu_fail("copies into LDS at an address that is not aligned");
  preshuffle_cpu_dma(target, buffer_place(b, (uint32_t)offset + immediate, scalar, bytes), bytes);
}

}  // namespace amdgcn
