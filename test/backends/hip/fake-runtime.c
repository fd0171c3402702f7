// A HIP runtime that runs no kernels: it keeps what it is told, so that tests of the binding can look at it, and fails where
// a test wants it to. Compiled with -D settings by fake-runtime.ts.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef DEVICES
#define DEVICES 1
#endif
#ifndef ARCH
#define ARCH "gfx950:sramecc+:xnack-"
#endif
#ifndef NAME
#define NAME "Fake GPU"
#endif
#ifndef VERSION
#define VERSION 70051831
#endif
// Bytes of device memory.
#ifndef MEMORY
#define MEMORY (1 << 20)
#endif
// How often a query says "not ready" after something was queued.
#ifndef BUSY
#define BUSY 0
#endif
// Status of every query once the work is done: a kernel that failed.
#ifndef FAULT
#define FAULT 0
#endif

#define API __attribute__((visibility("default")))

static size_t used;
static int live, device, busy, capturing, recorded, launches;
static struct {
  uint32_t grid[3], block[3], shared, size;
  unsigned char bytes[4096];
} last;

API int fake_live(void) { return live; }
API int fake_device(void) { return device; }
API int fake_launches(void) { return launches; }
API size_t fake_used(void) { return used; }
API void fake_last(void *out) { memcpy(out, &last, sizeof last); }

static int create(void **out, size_t bytes) {
  live++;
  *out = calloc(1, bytes);
  return 0;
}
static int destroy(void *handle) {
  live--;
  free(handle);
  return 0;
}
static int query(void) { return busy-- > 0 ? 600 : (busy = 0, FAULT); }

API int hipRuntimeGetVersion(int *version) { return *version = VERSION, 0; }
API int hipGetDeviceCount(int *count) { return *count = DEVICES, DEVICES ? 0 : 100; }
API int hipSetDevice(int number) { return number < DEVICES ? (device = number, 0) : 101; }
API int hipDeviceGetAttribute(int *value, int attribute, int number) {
  (void)number;
  *value = attribute == 63 ? 256 : attribute == 87 ? 64 : attribute == 74 ? 163840 : attribute == 5 ? 2400000 : 0;
  return attribute == 10018;
}
#ifndef NO_PROPERTIES
API int hipGetDevicePropertiesR0600(char *properties, int number) {
  memset(properties, 0, 1472);
  snprintf(properties, 256, "%s %d", NAME, number);
  strcpy(properties + 1160, ARCH);
  return 0;
}
#endif
API int hipMemGetInfo(size_t *free_bytes, size_t *total) { return *free_bytes = MEMORY - used, *total = MEMORY, 0; }
API int hipMalloc(void **out, size_t bytes) {
  if (used + bytes > MEMORY) return 2;
  used += bytes;
  live++;
  size_t *block = malloc(bytes + 16);
  block[0] = bytes;
  memset(block + 2, 0xaa, bytes);
  *out = block + 2;
  return 0;
}
API int hipFree(void *pointer) {
  size_t *block = (size_t *)pointer - 2;
  used -= block[0];
  return destroy(block);
}
API int hipMemcpyAsync(void *target, const void *source, size_t bytes, int kind, void *stream) {
  (void)kind, (void)stream;
  memcpy(target, source, bytes);
  busy = BUSY;
  return 0;
}
API int hipMemsetAsync(void *target, int value, size_t bytes, void *stream) {
  (void)stream;
  memset(target, value, bytes);
  return 0;
}
API int hipHostMalloc(void **out, size_t bytes, unsigned flags) {
  (void)flags;
  return bytes / 32 > MEMORY ? 2 : create(out, bytes);
}
API int hipHostFree(void *pointer) { return destroy(pointer); }
API int hipStreamCreateWithFlags(void **out, unsigned flags) { return (void)flags, create(out, 8); }
API int hipStreamDestroy(void *stream) { return destroy(stream); }
API int hipStreamSynchronize(void *stream) { return (void)stream, busy = 0, FAULT; }
API int hipStreamQuery(void *stream) { return (void)stream, query(); }
API int hipStreamWaitEvent(void *stream, void *event, unsigned flags) { return (void)stream, (void)event, (void)flags, 0; }
API int hipStreamBeginCapture(void *stream, int mode) { return (void)stream, capturing = mode == 2, recorded = 0, mode == 2 ? 0 : 1; }
API int hipStreamEndCapture(void *stream, void **graph) {
  (void)stream;
  capturing = 0;
  create(graph, 8);
  *(int *)*graph = recorded;
  return 0;
}
API int hipGraphInstantiateWithFlags(void **run, void *graph, unsigned long long flags) {
  (void)flags;
  create(run, 8);
  *(int *)*run = *(int *)graph;
  return 0;
}
API int hipGraphLaunch(void *run, void *stream) { return (void)stream, launches += *(int *)run, 0; }
API int hipGraphDestroy(void *graph) { return destroy(graph); }
API int hipGraphExecDestroy(void *run) { return destroy(run); }
API int hipEventCreateWithFlags(void **event, unsigned flags) {
  create(event, 8);
  *(unsigned *)*event = flags;
  return 0;
}
API int hipEventDestroy(void *event) { return destroy(event); }
API int hipEventRecord(void *event, void *stream) { return (void)event, (void)stream, busy = BUSY, 0; }
API int hipEventQuery(void *event) { return (void)event, query(); }
API int hipEventElapsedTime(float *milliseconds, void *from, void *to) {
  // Events that were made without timing have none.
  return *milliseconds = 1.5f, *(unsigned *)from || *(unsigned *)to ? 400 : 0;
}
API int hipModuleLoadData(void **module, const void *image) { return memcmp(image, "\177ELF", 4) ? 200 : create(module, 8); }
API int hipModuleUnload(void *module) { return destroy(module); }
API int hipModuleGetFunction(void **kernel, void *module, const char *name) {
  (void)module;
  static char known[] = "kernel";
  return strncmp(name, "lost", 4) ? (*kernel = known, 0) : 500;
}
API int hipModuleLaunchKernel(void *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                              unsigned shared, void *stream, void **parameters, void **extra) {
  (void)kernel, (void)stream;
  if (parameters || extra[0] != (void *)1 || extra[2] != (void *)2 || extra[4] != (void *)3) return 1;
  if (gx == 7777) return 9;
  if (capturing) return recorded++, 0;
  uint32_t sizes[] = {gx, gy, gz, bx, by, bz, shared, (uint32_t) * (size_t *)extra[3]};
  memcpy(&last, sizes, sizeof sizes);
  memcpy(last.bytes, extra[1], last.size);
  launches++;
  busy = BUSY;
  return 0;
}
API const char *hipGetErrorName(int status) {
  switch (status) {
  case 1: return "hipErrorInvalidValue";
  case 2: return "hipErrorOutOfMemory";
  case 9: return "hipErrorInvalidConfiguration";
  case 100: return "hipErrorNoDevice";
  case 101: return "hipErrorInvalidDevice";
  case 200: return "hipErrorInvalidImage";
  case 500: return "hipErrorNotFound";
  case 700: return "hipErrorIllegalAddress";
  default: return "hipErrorUnknown";
  }
}
