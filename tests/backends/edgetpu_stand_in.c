/* Stands in the place of libedgetpu, of which no test has the hardware: the same two functions, and what the real one
   does when something is wrong. Its delegate takes the compiler's ops and computes nothing.

   MODE 0: takes them. 1: finds no device. 2: crashes when it is asked for a delegate, as one does that was built for
   another TensorFlow. 3: the file was compiled for a newer runtime. 4: takes no op.

   The layouts are the first fields of TensorFlow Lite's C structures (tensorflow/lite/core/c/common.h). */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } Ints;
typedef struct Context Context;
typedef struct Delegate Delegate;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, void *);
  int (*invoke)(Context *, void *);
  const char *(*profiling_string)(const Context *, const void *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *later[8];
} Registration;
struct Context {
  size_t tensors_size;
  int (*GetExecutionPlan)(Context *, Ints **);
  void *tensors;
  void *impl;
  int (*ResizeTensor)(Context *, void *, Ints *);
  void (*ReportError)(Context *, const char *, ...);
  int (*AddTensors)(Context *, int, int *);
  int (*GetNodeAndRegistration)(Context *, int, void **, Registration **);
  int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const Ints *, Delegate *);
};
struct Delegate {
  void *data;
  int (*Prepare)(Context *, Delegate *);
  void *copies[3];
  int64_t flags;
  void *builder;
};

static int kernel_prepare(Context *context, void *node) {
  (void)node;
  if (MODE != 3) return 0;
  context->ReportError(context, "Failed precondition: Package requires runtime version (14), which is newer than this "
                                "runtime version (13)");
  return 1;
}
static int kernel_invoke(Context *context, void *node) { (void)context; (void)node; return 0; }

static int prepare(Context *context, Delegate *delegate) {
  Ints *plan;
  if (MODE == 4) return 0;
  if (context->GetExecutionPlan(context, &plan) != 0) return 1;
  Ints *mine = malloc(sizeof(Ints) + sizeof(int) * (size_t)plan->size);
  mine->size = 0;
  for (int i = 0; i < plan->size; i++) {
    void *node;
    Registration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) != 0) return 1;
    if (registration->custom_name != NULL && strcmp(registration->custom_name, "edgetpu-custom-op") == 0)
      mine->data[mine->size++] = plan->data[i];
  }
  Registration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "EdgeTpuStandIn";
  kernel.version = 1;
  int status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, mine, delegate);
  free(mine);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  (void)report;
  for (size_t i = 0; i < count; i++) fprintf(stderr, "stand-in was given %s=%s\n", keys[i], values[i]);
  if (MODE == 1) return NULL;
  if (MODE == 2) *(volatile int *)0 = 1;
  Delegate *delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = prepare;
  delegate->flags = 1; /* kTfLiteDelegateFlagsAllowDynamicTensors: asked before any op is prepared */
  return delegate;
}
void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }

/* Of edgetpu_c.h. */
struct edgetpu_device { int type; const char *path; };
static struct edgetpu_device usb = {1, "/sys/bus/usb/devices/2-1"};
const char *edgetpu_version(void) { return "BuildLabel(stand-in), RuntimeVersion(13)"; }
struct edgetpu_device *edgetpu_list_devices(size_t *count) {
  *count = MODE != 1;
  return MODE == 1 ? NULL : &usb;
}
