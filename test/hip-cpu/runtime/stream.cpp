#include "stream.h"

#include <chrono>
#include <mutex>
#include <set>

#include "hip-status.h"

using namespace preshuffle_cpu;

namespace {

/** Objects of a kind that live. Handles of real HIP 7 crash when they are stale; these are found out. */
template <typename Object> class Live {
 public:
  Object *add(Object *object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    objects_.insert(object);
    return object;
  }
  Object *find(void *handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto *object = static_cast<Object *>(handle);
    return objects_.count(object) == 0 ? nullptr : object;
  }
  /** The first that is not zero. */
  template <typename Status> int first(Status status_of) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Object *object : objects_) {
      if (const int status = status_of(*object); status != STATUS_SUCCESS) return status;
    }
    return STATUS_SUCCESS;
  }
  int remove(void *handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto *object = static_cast<Object *>(handle);
    if (objects_.erase(object) == 0) return STATUS_INVALID_HANDLE;
    delete object;
    return STATUS_SUCCESS;
  }

 private:
  std::mutex mutex_;
  std::set<Object *> objects_;
};

struct Event {
  bool timed;
  bool recorded;
  std::chrono::steady_clock::time_point time;
};

constexpr unsigned DISABLE_TIMING = 2;

Live<Stream> streams;
Live<Event> events;
Live<Graph> graphs;
/** Runs of graphs are copies of them. */
Live<Graph> graph_runs;
Stream default_stream;

int state(void *handle) {
  Stream *stream = find_stream(handle);
  if (stream == nullptr) return STATUS_INVALID_HANDLE;
  if (stream->capture) return STATUS_CAPTURE_UNSUPPORTED;
  return stream->failure;
}

}  // namespace

Stream *preshuffle_cpu::find_stream(void *handle) { return handle == nullptr ? &default_stream : streams.find(handle); }

int preshuffle_cpu::enqueue(void *handle, Work work) {
  Stream *stream = find_stream(handle);
  if (stream == nullptr) return STATUS_INVALID_HANDLE;
  if (stream->failure != 0) return stream->failure;
  if (!stream->capture) return work(*stream);
  stream->capture->works.push_back(std::move(work));
  return STATUS_SUCCESS;
}

HIP int hipDeviceSynchronize() {
  const auto failure = [](const Stream &stream) { return stream.failure; };
  const int status = failure(default_stream);
  return status == STATUS_SUCCESS ? streams.first(failure) : status;
}

/** What failed in the default stream is forgotten, so that it can be used again. */
HIP int hipDeviceReset() { return default_stream.failure = STATUS_SUCCESS; }

HIP int hipStreamCreateWithFlags(void **out, unsigned) { return *out = streams.add(new Stream), STATUS_SUCCESS; }
HIP int hipStreamCreate(void **out) { return hipStreamCreateWithFlags(out, 0); }
HIP int hipStreamDestroy(void *stream) { return streams.remove(stream); }
HIP int hipStreamSynchronize(void *stream) { return state(stream); }
HIP int hipStreamQuery(void *stream) { return state(stream); }

HIP int hipStreamWaitEvent(void *stream, void *event, unsigned) {
  if (find_stream(stream) == nullptr || events.find(event) == nullptr) return STATUS_INVALID_HANDLE;
  return STATUS_SUCCESS;
}

HIP int hipStreamBeginCapture(void *handle, int) {
  Stream *stream = find_stream(handle);
  if (stream == nullptr) return STATUS_INVALID_HANDLE;
  if (handle == nullptr) return STATUS_CAPTURE_UNSUPPORTED;
  if (stream->capture) return STATUS_ILLEGAL_STATE;
  stream->capture = std::make_unique<Graph>();
  return stream->failure;
}

HIP int hipStreamEndCapture(void *handle, void **out) {
  Stream *stream = find_stream(handle);
  *out = nullptr;
  if (stream == nullptr) return STATUS_INVALID_HANDLE;
  if (!stream->capture) return STATUS_ILLEGAL_STATE;
  *out = graphs.add(stream->capture.release());
  return STATUS_SUCCESS;
}

HIP int hipStreamIsCapturing(void *handle, int *status) {
  const Stream *stream = find_stream(handle);
  if (stream == nullptr) return STATUS_INVALID_HANDLE;
  return *status = stream->capture != nullptr, STATUS_SUCCESS;
}

HIP int hipGraphInstantiateWithFlags(void **out, void *graph, unsigned long long) {
  Graph *found = graphs.find(graph);
  if (found == nullptr) return STATUS_INVALID_HANDLE;
  return *out = graph_runs.add(new Graph(*found)), STATUS_SUCCESS;
}

HIP int hipGraphLaunch(void *run, void *stream) {
  Graph *found = graph_runs.find(run);
  if (found == nullptr) return STATUS_INVALID_HANDLE;
  for (const Work &work : found->works) {
    if (const int status = enqueue(stream, work); status != 0) return status;
  }
  return STATUS_SUCCESS;
}

HIP int hipGraphExecDestroy(void *run) { return graph_runs.remove(run); }
HIP int hipGraphDestroy(void *graph) { return graphs.remove(graph); }

HIP int hipEventCreateWithFlags(void **out, unsigned flags) {
  return *out = events.add(new Event{(flags & DISABLE_TIMING) == 0, false, {}}), STATUS_SUCCESS;
}

HIP int hipEventCreate(void **out) { return hipEventCreateWithFlags(out, 0); }
HIP int hipEventDestroy(void *event) { return events.remove(event); }

HIP int hipEventRecord(void *handle, void *stream) {
  if (events.find(handle) == nullptr) return STATUS_INVALID_HANDLE;
  return enqueue(stream, [handle](Stream &) -> int {
    Event *event = events.find(handle);
    if (event == nullptr) return STATUS_INVALID_HANDLE;
    event->recorded = true;
    event->time = std::chrono::steady_clock::now();
    return STATUS_SUCCESS;
  });
}

HIP int hipEventQuery(void *event) { return events.find(event) == nullptr ? STATUS_INVALID_HANDLE : STATUS_SUCCESS; }
HIP int hipEventSynchronize(void *event) { return hipEventQuery(event); }

HIP int hipEventElapsedTime(float *milliseconds, void *from, void *to) {
  const Event *first = events.find(from);
  const Event *second = events.find(to);
  if (first == nullptr || second == nullptr) return STATUS_INVALID_HANDLE;
  if (!first->timed || !second->timed || !first->recorded || !second->recorded) return STATUS_INVALID_HANDLE;
  *milliseconds = std::chrono::duration<float, std::milli>(second->time - first->time).count();
  return STATUS_SUCCESS;
}
