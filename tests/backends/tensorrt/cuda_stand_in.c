/* Stands in the place of the NVIDIA driver's libcuda, of which no test host has the GPU: the functions of NVIDIA's CUDA
   Driver API (cuda.h) that bench calls, over the host's memory. It is strict where the real one is only sometimes:

   - what is put into a stream is done when somebody waits for it, not before: a missing wait reads old numbers;
   - a thread that was not given the context gets CUDA_ERROR_INVALID_CONTEXT;
   - what must be page-locked and is not, or lies outside of what was allocated, is CUDA_ERROR_INVALID_VALUE;
   - an event that was not recorded, or not waited for, has no time.

   STAND_IN_CUDA in the environment: "none", it finds no GPU; "full", its memory is used up; "no-graph", it captures
   nothing. `stand_in_enqueue` is the GPU's work as the stand-in of TensorRT gives it: out = 2 * in + 1, in 0.2 ms. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NO_GPU = 100, NO_CONTEXT = 201, NOT_READY = 600, NOT_SUPPORTED = 801 };
enum { COPY, KERNEL, MARK };
enum { MOST = 4096 };

typedef struct { int recorded; int passed; double ms; } Event;
typedef struct { int kind; char *to; const char *from; size_t size; Event *event; } Work;
typedef struct { Work work[MOST]; int count; int capturing; } Stream;
typedef struct { char *at; size_t size; int host; } Block;

static Block blocks[MOST];
static int block_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread void *current;
static char the_context;

static int is(const char *mode) {
  const char *asked = getenv("STAND_IN_CUDA");
  return asked != NULL && strcmp(asked, mode) == 0;
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int lies_in(const char *at, size_t size, int host) {
  int found = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < block_count; i++)
    found |= blocks[i].host == host && at >= blocks[i].at && at + size <= blocks[i].at + blocks[i].size;
  pthread_mutex_unlock(&lock);
  return found;
}

static void *take(size_t size, int host) {
  pthread_mutex_lock(&lock);
  Block *block = &blocks[block_count++];
  block->at = calloc(size, 1);
  block->size = size;
  block->host = host;
  pthread_mutex_unlock(&lock);
  return block->at;
}

static void perform(const Work *work) {
  if (work->kind == COPY) memcpy(work->to, work->from, work->size);
  if (work->kind == KERNEL) {
    double until = now_ms() + 0.2;
    for (size_t i = 0; i < work->size; i++) ((float *)work->to)[i] = 2 * ((const float *)work->from)[i] + 1;
    while (now_ms() < until) {}
  }
  if (work->kind == MARK) { work->event->passed = 1; work->event->ms = now_ms(); }
}

static void drain(Stream *stream) {
  for (int i = 0; i < stream->count; i++) perform(&stream->work[i]);
  stream->count = 0;
}

static int put(Stream *stream, Work work) {
  if (current == NULL) return NO_CONTEXT;
  if (stream == NULL || stream->count == MOST) return INVALID;
  stream->work[stream->count++] = work;
  return OK;
}

int cuInit(unsigned flags) { return flags ? INVALID : is("none") ? NO_GPU : OK; }
int cuDriverGetVersion(int *version) { *version = 12040; return OK; }
int cuDeviceGetCount(int *count) { *count = 1; return OK; }
int cuDeviceGet(int *device, int ordinal) { *device = 0; return ordinal ? INVALID : OK; }
int cuDeviceGetName(char *name, int size, int device) {
  (void)device;
  snprintf(name, (size_t)size, "stand-in of a GPU");
  return OK;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  *value = attribute == 75 ? 8 : attribute == 76 ? 9 : -1;
  return *value < 0 ? INVALID : OK;
}
int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) {
  (void)device;
  fprintf(stderr, "stand-in: context flags %u\n", flags);
  return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; *context = &the_context; return OK; }
int cuCtxSetCurrent(void *context) { current = context; return context == &the_context ? OK : NO_CONTEXT; }
int cuGetErrorName(int code, const char **text) {
  *text = code == NO_GPU ? "CUDA_ERROR_NO_DEVICE" : code == NO_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OTHER";
  return OK;
}
int cuGetErrorString(int code, const char **text) {
  *text = code == NO_GPU ? "no CUDA-capable device is detected" : "";
  return OK;
}

int cuMemAlloc_v2(uint64_t *address, size_t size) {
  if (current == NULL) return NO_CONTEXT;
  if (size == 0) return INVALID;
  if (is("full")) return NO_MEMORY;
  *address = (uint64_t)(uintptr_t)take(size, 0);
  return OK;
}
int cuMemHostAlloc(void **address, size_t size, unsigned flags) {
  if (current == NULL) return NO_CONTEXT;
  if (size == 0 || flags) return INVALID;
  *address = take(size, 1);
  return OK;
}
int cuStreamCreate(Stream **stream, unsigned flags) {
  if (current == NULL) return NO_CONTEXT;
  if (flags != 1) return INVALID; /* one that waits for the default stream */
  *stream = calloc(1, sizeof(Stream));
  return OK;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, Stream *stream) {
  if (!lies_in((char *)(uintptr_t)to, size, 0) || !lies_in(from, size, 1)) return INVALID;
  return put(stream, (Work){COPY, (char *)(uintptr_t)to, from, size, NULL});
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, Stream *stream) {
  if (!lies_in((char *)(uintptr_t)from, size, 0) || !lies_in(to, size, 1)) return INVALID;
  return put(stream, (Work){COPY, to, (char *)(uintptr_t)from, size, NULL});
}
int cuStreamSynchronize(Stream *stream) {
  if (current == NULL) return NO_CONTEXT;
  if (stream->capturing) return NOT_SUPPORTED;
  drain(stream);
  return OK;
}

/* An event knows the stream that it was recorded in only through what waits there: one stream holds it at a time. */
typedef struct { Event event; Stream *stream; } Recorded;
int cuEventCreate(Recorded **event, unsigned flags) {
  if (current == NULL) return NO_CONTEXT;
  fprintf(stderr, "stand-in: event flags %u\n", flags);
  *event = calloc(1, sizeof(Recorded));
  return OK;
}
int cuEventRecord(Recorded *event, Stream *stream) {
  event->event.recorded = 1;
  event->event.passed = 0;
  event->stream = stream;
  return put(stream, (Work){MARK, NULL, NULL, 0, &event->event});
}
int cuEventSynchronize(Recorded *event) {
  if (current == NULL) return NO_CONTEXT;
  if (event->event.recorded) drain(event->stream);
  return OK;
}
int cuEventElapsedTime(float *ms, Recorded *begun, Recorded *ended) {
  if (!begun->event.recorded || !ended->event.recorded) return INVALID;
  if (!begun->event.passed || !ended->event.passed) return NOT_READY;
  *ms = (float)(ended->event.ms - begun->event.ms);
  return OK;
}

int cuStreamBeginCapture_v2(Stream *stream, int mode) {
  if (mode < 0 || mode > 2 || stream->count) return INVALID;
  stream->capturing = 1;
  return OK;
}
int cuStreamEndCapture(Stream *stream, Stream **graph) {
  if (!stream->capturing) return INVALID;
  stream->capturing = 0;
  *graph = malloc(sizeof(Stream));
  memcpy(*graph, stream, sizeof(Stream));
  stream->count = 0;
  return is("no-graph") ? NOT_SUPPORTED : OK;
}
int cuGraphInstantiateWithFlags(Stream **executable, Stream *graph, unsigned long long flags) {
  *executable = graph;
  return flags ? INVALID : OK;
}
int cuGraphLaunch(Stream *executable, Stream *stream) {
  for (int i = 0; i < executable->count; i++) {
    int code = put(stream, executable->work[i]);
    if (code) return code;
  }
  fprintf(stderr, "stand-in: graph launched\n");
  return OK;
}

int stand_in_enqueue(Stream *stream, uint64_t in, uint64_t out, size_t count) {
  if (!lies_in((char *)(uintptr_t)in, count * 4, 0) || !lies_in((char *)(uintptr_t)out, count * 4, 0)) return INVALID;
  return put(stream, (Work){KERNEL, (char *)(uintptr_t)out, (char *)(uintptr_t)in, count, NULL});
}
int stand_in_wait(Stream *stream) { return cuStreamSynchronize(stream); }
