// Memory behind a descriptor with a size: loads outside give zero, stores outside are dropped, so ragged edges need no branches.
#pragma once
#include "kernel.h"
#ifdef PRESHUFFLE_HIP_CPU
#include "amdgcn/buffer.h"
typedef amdgcn::Resource Buffer;
#else
typedef __amdgpu_buffer_rsrc_t Buffer;
#endif

// Raw, 32-bit data format, no stride or swizzle.
constexpr i32 RAW_BUFFER = 0x00027000;

// Both the same for the whole wave. At most 2^32 - 1 bytes.
DEVICE Buffer make_buffer(const void *base, u32 bytes) {
  return AMDGCN(make_buffer_rsrc)(const_cast<void *>(base), (short)0, (i32)bytes, RAW_BUFFER);
}

// Bytes into the buffer: `offset` is what the bounds are checked for, and must be inside or outside as a whole;
// `uniform_offset`, the same for the whole wave, comes on top and must not lead outside. Aligned to 4, or to the value's size.
template <typename Value> DEVICE Value buffer_load(Buffer buffer, u32 offset, u32 uniform_offset = 0) {
  const i32 at = (i32)offset;
  const i32 base = (i32)uniform_offset;
  if constexpr (sizeof(Value) == 1) return bits_as<Value>((u8)AMDGCN(raw_buffer_load_b8)(buffer, at, base, 0));
  if constexpr (sizeof(Value) == 2) return bits_as<Value>((u16)AMDGCN(raw_buffer_load_b16)(buffer, at, base, 0));
  if constexpr (sizeof(Value) == 4) return bits_as<Value>(AMDGCN(raw_buffer_load_b32)(buffer, at, base, 0));
  if constexpr (sizeof(Value) == 8) return bits_as<Value>(AMDGCN(raw_buffer_load_b64)(buffer, at, base, 0));
  if constexpr (sizeof(Value) == 16) return bits_as<Value>(AMDGCN(raw_buffer_load_b128)(buffer, at, base, 0));
}

template <typename Value> DEVICE void buffer_store(Buffer buffer, Value value, u32 offset, u32 uniform_offset = 0) {
  const i32 at = (i32)offset;
  const i32 base = (i32)uniform_offset;
  if constexpr (sizeof(Value) == 1) AMDGCN(raw_buffer_store_b8)(bits_as<u8>(value), buffer, at, base, 0);
  if constexpr (sizeof(Value) == 2) AMDGCN(raw_buffer_store_b16)(bits_as<u16>(value), buffer, at, base, 0);
  if constexpr (sizeof(Value) == 4) AMDGCN(raw_buffer_store_b32)(bits_as<u32>(value), buffer, at, base, 0);
  if constexpr (sizeof(Value) == 8) AMDGCN(raw_buffer_store_b64)(bits_as<u32x2>(value), buffer, at, base, 0);
  if constexpr (sizeof(Value) == 16) AMDGCN(raw_buffer_store_b128)(bits_as<u32x4>(value), buffer, at, base, 0);
}

// Copies 16 (12, 4) bytes a lane into LDS without registers: lane l's go to target + 16 * l, which cannot be chosen, so a
// swizzle belongs into `offset`. Zeros from outside of the buffer. All lanes together, `target` the same for all and aligned.
// Ends in order with other memory operations; nothing but wait_memory() waits for it, not the compiler either: wait in the
// wave that copied, then meet() before another wave reads. gfx942 copies 4 bytes only.
template <i32 bytes> DEVICE void copy_to_lds(Buffer buffer, LDS(void) * target, u32 offset, u32 uniform_offset = 0) {
  static_assert(bytes == 4 || bytes == 12 || bytes == 16, "the device copies 4, 12 or 16 bytes");
  const i32 at = (i32)offset;
  const i32 base = (i32)uniform_offset;
  // The builtin wants a literal even here.
  if constexpr (bytes == 4) AMDGCN(raw_ptr_buffer_load_lds)(buffer, target, 4, at, base, 0, 0);
#ifndef __gfx942__
  if constexpr (bytes == 12) AMDGCN(raw_ptr_buffer_load_lds)(buffer, target, 12, at, base, 0, 0);
  if constexpr (bytes == 16) AMDGCN(raw_ptr_buffer_load_lds)(buffer, target, 16, at, base, 0, 0);
#endif
}
