// The one device, its memory, and the names of errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "hip-status.h"
#include "memory.h"
#include "settings.h"
#include "amdgcn/interface.h"
#include "stream.h"

using namespace preshuffle_cpu;

namespace {

/** 7.0.0, as major * 10^7 + minor * 10^5 + patch. */
constexpr int VERSION = 70000000;

constexpr size_t NAME_BYTES = 256;

std::string device_name() { return "CPU emulation, not a GPU (" + device_arch() + " waves)"; }

/** As the driver says it, with its features. */
std::string device_target() { return device_arch() + ":sramecc+:xnack-"; }

/** hipDeviceProp_t of two versions: only the two names are known to matter. */
int fill_properties(char *properties, int device, size_t bytes, size_t arch_offset) {
  if (device != 0) return STATUS_INVALID_DEVICE;
  memset(properties, 0, bytes);
  snprintf(properties, NAME_BYTES, "%s", device_name().c_str());
  snprintf(properties + arch_offset, NAME_BYTES, "%s", device_target().c_str());
  return STATUS_SUCCESS;
}

}  // namespace

HIP int hipInit(unsigned) { return STATUS_SUCCESS; }
HIP int hipRuntimeGetVersion(int *version) { return *version = VERSION, STATUS_SUCCESS; }
HIP int hipDriverGetVersion(int *version) { return hipRuntimeGetVersion(version); }
HIP int hipGetDeviceCount(int *count) { return *count = 1, STATUS_SUCCESS; }
HIP int hipSetDevice(int device) { return device == 0 ? STATUS_SUCCESS : STATUS_INVALID_DEVICE; }
HIP int hipGetDevice(int *device) { return *device = 0, STATUS_SUCCESS; }

HIP int hipGetDevicePropertiesR0600(char *properties, int device) {
  return fill_properties(properties, device, 1472, 1160);
}
/** The struct before HIP 6. */
HIP int hipGetDeviceProperties(char *properties, int device) { return fill_properties(properties, device, 792, 396); }

HIP int hipDeviceGetName(char *name, int length, int device) {
  if (device != 0) return STATUS_INVALID_DEVICE;
  return snprintf(name, static_cast<size_t>(length), "%s", device_name().c_str()), STATUS_SUCCESS;
}

HIP int hipDeviceGetAttribute(int *value, int attribute, int device) {
  if (device != 0) return STATUS_INVALID_DEVICE;
  switch (attribute) {
    case 5: *value = 2400000; break;       // clock, kHz
    case 19: *value = 4 << 20; break;      // L2 of a die
    case 56: *value = 1024; break;         // threads of a workgroup
    case 63: *value = 256; break;          // compute units
    case 74: *value = LDS_BYTES; break;    // of a workgroup
    case 87: *value = WAVE; break;
    case 10018: *value = 8; break;         // dies
    default: return STATUS_INVALID_VALUE;
  }
  return STATUS_SUCCESS;
}

HIP int hipDeviceGetPCIBusId(char *text, int length, int) {
  if (length < 13) return STATUS_INVALID_VALUE;
  snprintf(text, static_cast<size_t>(length), "0000:00:00.0");
  return STATUS_SUCCESS;
}

HIP int hipMemGetInfo(size_t *free, size_t *total) { return memory_info(free, total), STATUS_SUCCESS; }
HIP int hipDeviceTotalMem(size_t *bytes, int device) {
  size_t free = 0;
  return device == 0 ? (memory_info(&free, bytes), STATUS_SUCCESS) : STATUS_INVALID_DEVICE;
}
HIP int hipDeviceCanAccessPeer(int *can, int, int) { return *can = 0, STATUS_SUCCESS; }
HIP int hipMalloc(void **out, size_t bytes) { return allocate(out, bytes); }
HIP int hipMallocAsync(void **out, size_t bytes, void *) { return allocate(out, bytes); }
HIP int hipFree(void *pointer) { return release(pointer); }

HIP int hipHostMalloc(void **out, size_t bytes, unsigned) {
  constexpr size_t LINE = 64;
  *out = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
  return *out == nullptr ? STATUS_OUT_OF_MEMORY : STATUS_SUCCESS;
}

HIP int hipHostRegister(void *, size_t, unsigned) { return STATUS_SUCCESS; }
HIP int hipHostUnregister(void *) { return STATUS_SUCCESS; }
HIP int hipHostFree(void *pointer) { return free(pointer), STATUS_SUCCESS; }

HIP const char *hipGetErrorName(int status) {
  switch (status) {
    case STATUS_SUCCESS: return "hipSuccess";
    case STATUS_INVALID_VALUE: return "hipErrorInvalidValue";
    case STATUS_OUT_OF_MEMORY: return "hipErrorOutOfMemory";
    case STATUS_INVALID_CONFIGURATION: return "hipErrorInvalidConfiguration";
    case STATUS_INVALID_DEVICE: return "hipErrorInvalidDevice";
    case STATUS_INVALID_IMAGE: return "hipErrorInvalidImage";
    case STATUS_NO_BINARY: return "hipErrorNoBinaryForGpu";
    case STATUS_LOAD_FAILED: return "hipErrorSharedObjectSymbolNotFound";
    case STATUS_INVALID_HANDLE: return "hipErrorInvalidHandle";
    case STATUS_ILLEGAL_STATE: return "hipErrorIllegalState";
    case STATUS_NOT_FOUND: return "hipErrorNotFound";
    case STATUS_ILLEGAL_ADDRESS: return "hipErrorIllegalAddress";
    case STATUS_LAUNCH_FAILURE: return "hipErrorLaunchFailure";
    case STATUS_CAPTURE_UNSUPPORTED: return "hipErrorStreamCaptureUnsupported";
    default: return "hipErrorUnknown";
  }
}

HIP const char *hipGetErrorString(int status) { return hipGetErrorName(status); }
