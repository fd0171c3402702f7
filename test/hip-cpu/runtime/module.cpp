// Code objects for this runtime are x86 shared objects, given as bytes like any other.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "amdgcn/interface.h"
#include "hip-status.h"
#include "launch.h"
#include "memory.h"
#include "report.h"
#include "stream.h"

using namespace preshuffle_cpu;

namespace {

struct Module {
  void *library;
  std::vector<std::unique_ptr<Kernel>> kernels;
};

constexpr uint32_t MOST_THREADS = 1024;
// Keys of the `extra` list.
void *const ARGUMENTS = reinterpret_cast<void *>(1);
void *const ARGUMENT_BYTES = reinterpret_cast<void *>(2);
void *const END = reinterpret_cast<void *>(3);

/** The caller gives no size: the table of sections is the last thing in a file that a linker wrote. */
size_t file_size(const Elf64_Ehdr &header) { return header.e_shoff + size_t{header.e_shentsize} * header.e_shnum; }

void *load(const void *image, size_t bytes) {
  const int file = memfd_create("preshuffle-code-object", MFD_CLOEXEC);
  if (file < 0) return nullptr;
  const char *rest = static_cast<const char *>(image);
  while (bytes > 0) {
    const ssize_t written = write(file, rest, bytes);
    if (written <= 0) return close(file), nullptr;
    rest += written;
    bytes -= static_cast<size_t>(written);
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) report(dlerror());
  // Stays open: dlopen takes a library of the same path for the same, and the next file would get this number.
  return library;
}

/** Code objects call back into this library, which Node loaded for itself alone: makes its functions visible to them. */
__attribute__((constructor)) void show_to_objects() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&show_to_objects), &info) != 0) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

}  // namespace

HIP int hipModuleLoadData(void **out, const void *image) {
  const auto &header = *static_cast<const Elf64_Ehdr *>(image);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return STATUS_INVALID_IMAGE;
  if (header.e_machine != EM_X86_64) return STATUS_NO_BINARY;
  void *library = load(image, file_size(header));
  if (library == nullptr) return STATUS_LOAD_FAILED;
  const auto *arch = static_cast<const char *>(dlsym(library, "preshuffle_cpu_arch"));
  if (arch == nullptr || device_arch() != arch) {
    report(std::string("the code object is for ") + (arch == nullptr ? "no device of this package" : arch) +
           ", and the device is " + device_arch());
    return dlclose(library), STATUS_NO_BINARY;
  }
  *out = new Module{library, {}};
  return STATUS_SUCCESS;
}

HIP int hipModuleUnload(void *handle) {
  auto *module = static_cast<Module *>(handle);
  dlclose(module->library);
  delete module;
  return STATUS_SUCCESS;
}

HIP int hipModuleGetFunction(void **out, void *handle, const char *name) {
  auto *module = static_cast<Module *>(handle);
  const auto *descriptor = static_cast<const Descriptor *>(dlsym(module->library, (std::string(name) + "__preshuffle").c_str()));
  void *entry = dlsym(module->library, name);
  if (descriptor == nullptr || entry == nullptr) return STATUS_NOT_FOUND;
  const auto [argument_bytes, threads, lds_bytes] = *descriptor;
  module->kernels.push_back(std::make_unique<Kernel>(
      Kernel{name, reinterpret_cast<void (*)(const void *)>(entry), argument_bytes, threads, lds_bytes}));
  *out = module->kernels.back().get();
  return STATUS_SUCCESS;
}

HIP int hipModuleGetGlobal(void **address, size_t *bytes, void *handle, const char *name) {
  void *symbol = dlsym(static_cast<Module *>(handle)->library, name);
  if (symbol == nullptr) return STATUS_NOT_FOUND;
  Dl_info info;
  ElfW(Sym) *entry = nullptr;
  dladdr1(symbol, &info, reinterpret_cast<void **>(&entry), RTLD_DL_SYMENT);
  if (entry != nullptr) admit_global(symbol, entry->st_size);
  if (address != nullptr) *address = symbol;
  if (bytes != nullptr) *bytes = entry == nullptr ? 0 : entry->st_size;
  return STATUS_SUCCESS;
}

HIP int hipModuleLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                              unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **parameters,
                              void **extra) {
  const auto &kernel = *static_cast<const Kernel *>(function);
  if (block_x > MOST_THREADS || block_y != 1 || block_z != 1) return STATUS_INVALID_CONFIGURATION;
  if (grid_x == 0 || grid_y == 0 || grid_z == 0 || block_x != kernel.threads) return STATUS_INVALID_VALUE;
  Kernel launched = kernel;
  // Dynamic LDS comes behind the static.
  launched.lds_bytes += (shared_bytes + 15) / 16 * 16;
  if (shared_bytes > LDS_BYTES || launched.lds_bytes > LDS_BYTES) return STATUS_INVALID_VALUE;
  // The one form that this package uses: {1, arguments, 2, &bytes, 3}.
  if (parameters != nullptr || extra == nullptr || extra[0] != ARGUMENTS || extra[2] != ARGUMENT_BYTES || extra[4] != END) {
    return STATUS_INVALID_VALUE;
  }
  const size_t bytes = *static_cast<const size_t *>(extra[3]);
  if (bytes < kernel.argument_bytes) return STATUS_INVALID_VALUE;
  Settings settings;
  if (const char *wrong = read_settings(settings); wrong != nullptr) {
    report(wrong);
    return STATUS_INVALID_VALUE;
  }
  const char *first = static_cast<const char *>(extra[1]);
  const std::vector<char> arguments(first, first + bytes);
  return enqueue(stream, [=](Stream &on) -> int {
    const uint32_t grid[3] = {grid_x, grid_y, grid_z};
    const Failure failure = launch(launched, arguments.data(), grid, settings);
    if (failure.status == 0) return STATUS_SUCCESS;
    report(failure.text);
    on.failure = failure.status;
    return STATUS_SUCCESS;
  });
}

HIP int hipFuncGetAttribute(int *value, int attribute, const void *function) {
  const auto &kernel = *static_cast<const Kernel *>(function);
  switch (attribute) {
    case 0: return *value = static_cast<int>(kernel.threads), STATUS_SUCCESS;
    case 1: return *value = static_cast<int>(kernel.lds_bytes), STATUS_SUCCESS;
    default: return STATUS_INVALID_VALUE;
  }
}

/** As far as LDS goes: registers are not counted here. */
HIP int hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(int *count, const void *function, int threads, size_t dynamic_lds) {
  const auto &kernel = *static_cast<const Kernel *>(function);
  if (threads != static_cast<int>(kernel.threads)) return STATUS_INVALID_VALUE;
  const size_t lds = kernel.lds_bytes + dynamic_lds;
  constexpr unsigned MOST_THREADS_OF_A_UNIT = 2048;
  const unsigned by_threads = MOST_THREADS_OF_A_UNIT / kernel.threads;
  *count = static_cast<int>(lds == 0 ? by_threads : std::min<size_t>(by_threads, LDS_BYTES / lds));
  return STATUS_SUCCESS;
}
