// Streams whose work is done by the time the call returns. A kernel that failed is reported by every later call on its stream,
// as on a device: only a new stream works again.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#define HIP extern "C" __attribute__((visibility("default")))

namespace preshuffle_cpu {

struct Stream;

/** Something a stream does. Takes the stream that it runs in, which is another one for a graph. @return hipError_t */
using Work = std::function<int(Stream &)>;

struct Graph {
  std::vector<Work> works;
};

struct Stream {
  /** Of the kernel that failed. */
  int failure = 0;
  /** What was queued since the capture began; null outside of one. */
  std::unique_ptr<Graph> capture;
};

/** The stream of a handle; null is the default stream. Returns null for a handle that is none (any more). */
Stream *find_stream(void *handle);

/** Does work now, or records it during a capture. @return hipError_t */
int enqueue(void *stream, Work work);

}  // namespace preshuffle_cpu
