"""The GPU's memory, streams, events and graphs through the driver's own library, which is wherever its GPU can be used.

Functions and constants are those of NVIDIA's CUDA Driver API (cuda.h). Runtimes that are built on the CUDA runtime
library, such as TensorRT, use the device's primary context; it is made current here, so streams and memory fit them.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Callable, Optional

from .adapter import Refused

LIBRARIES = {"win32": "nvcuda.dll"}
NO_DEVICE = 100
# CUdevice_attribute
COMPUTE_MAJOR, COMPUTE_MINOR = 75, 76
# CUctx_flags, CUstream_flags, CUevent_flags, CUstreamCaptureMode
SCHEDULE_SPIN = 1
STREAM_APART = 1
EVENT_BLOCKING = 1
CAPTURE_RELAXED = 2
TODO = (
    "It needs an NVIDIA GPU with its driver: `nvidia-smi` shows both. A container has to be given the GPU (docker run "
    "--gpus all). `-b onnxruntime` runs the same file on the CPU."
)


class CudaError(Exception):
    """A call that the driver answered with an error."""


class Cuda:
    """The first GPU that CUDA_VISIBLE_DEVICES leaves. Raises Refused where there is no driver, or no GPU.

    spin: waiting polls the GPU; else the thread sleeps until the GPU's interrupt.
    """

    def __init__(self, spin: bool = False, library: str = "") -> None:
        name = library or LIBRARIES.get(sys.platform, "libcuda.so.1")
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise Refused("there is no NVIDIA driver here: %s" % error, TODO) from None
        self._spin = spin
        try:
            self._open()
        except CudaError as error:
            raise Refused("the NVIDIA driver gives no GPU: %s" % error, TODO) from None

    def _open(self) -> None:
        self._call("cuInit", ctypes.c_uint(0))
        self.driver = self._number("cuDriverGetVersion")
        if self._number("cuDeviceGetCount") < 1:
            raise CudaError("it has none to give (CUDA_VISIBLE_DEVICES?)")
        device = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._device = device
        if self._spin:
            flags = "cuDevicePrimaryCtxSetFlags"
            self._call(self._newest(flags), device, ctypes.c_uint(SCHEDULE_SPIN))
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._context = context
        self.enter_thread()

    def enter_thread(self) -> None:
        """Make the GPU's context current in this thread, as each has to once."""
        self._call("cuCtxSetCurrent", self._context)

    def _newest(self, name: str) -> str:
        return name + "_v2" if hasattr(self._library, name + "_v2") else name

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise CudaError("%s: %s" % (name, self._words(code)))

    def _words(self, code: int) -> str:
        found = []
        for name in ("cuGetErrorName", "cuGetErrorString"):
            text = ctypes.c_char_p()
            if getattr(self._library, name)(code, ctypes.byref(text)) == 0 and text.value:
                found.append(text.value.decode("utf-8", "replace"))
        return ", ".join(found) or "error %d" % code

    def _number(self, name: str) -> int:
        value = ctypes.c_int()
        self._call(name, ctypes.byref(value))
        return value.value

    def _handle(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        value = ctypes.c_void_p()
        self._call(name, ctypes.byref(value), *arguments)
        return value

    @property
    def driver_text(self) -> str:
        """The newest CUDA that the driver serves: `12.4` of 12040."""
        return "%d.%d" % (self.driver // 1000, self.driver % 1000 // 10)

    def gpu(self) -> str:
        """`NVIDIA GeForce RTX 4070, compute capability 8.9`."""
        name = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", name, 256, self._device)
        parts = []
        for attribute in (COMPUTE_MAJOR, COMPUTE_MINOR):
            value = ctypes.c_int()
            self._call("cuDeviceGetAttribute", ctypes.byref(value), attribute, self._device)
            parts.append(str(value.value))
        return "%s, compute capability %s" % (name.value.decode("utf-8", "replace"), ".".join(parts))

    def allocate(self, size_bytes: int) -> int:
        """The address of that much of the GPU's memory, for the process's life."""
        address = ctypes.c_ulonglong()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(max(size_bytes, 1)))
        return address.value

    def pinned(self, size_bytes: int) -> Any:
        """That much of the host's memory, page-locked, for the process's life: a ctypes array of bytes."""
        address = self._handle("cuMemHostAlloc", ctypes.c_size_t(max(size_bytes, 1)), ctypes.c_uint(0))
        assert address.value is not None
        return (ctypes.c_ubyte * size_bytes).from_address(address.value)

    def stream(self) -> int:
        return self._handle("cuStreamCreate", ctypes.c_uint(STREAM_APART)).value or 0

    def wait_for_stream(self, stream: int) -> None:
        self._call("cuStreamSynchronize", ctypes.c_void_p(stream))

    def copy_in(self, address: int, host: Any, stream: int) -> None:
        """Begin to copy a `pinned` array to the GPU."""
        arguments = ctypes.c_ulonglong(address), ctypes.byref(host), ctypes.c_size_t(len(host)), ctypes.c_void_p(stream)
        self._call("cuMemcpyHtoDAsync_v2", *arguments)

    def copy_out(self, host: Any, address: int, stream: int) -> None:
        arguments = ctypes.byref(host), ctypes.c_ulonglong(address), ctypes.c_size_t(len(host)), ctypes.c_void_p(stream)
        self._call("cuMemcpyDtoHAsync_v2", *arguments)

    def event(self, timed: bool = True) -> ctypes.c_void_p:
        """timed: for `elapsed_ns`, and nobody waits for it at length; else for `waiter`."""
        return self._handle("cuEventCreate", ctypes.c_uint(0 if timed or self._spin else EVENT_BLOCKING))

    def record(self, event: ctypes.c_void_p, stream: int) -> None:
        self._call("cuEventRecord", event, ctypes.c_void_p(stream))

    def elapsed_ns(self, begun: ctypes.c_void_p, ended: ctypes.c_void_p) -> int:
        """Between two events that have passed, by the GPU's clock; CUDA's events tick every 0.5 µs."""
        self._call("cuEventSynchronize", ended)
        value = ctypes.c_float()
        self._call("cuEventElapsedTime", ctypes.byref(value), begun, ended)
        return round(value.value * 1e6)

    def waiter(self, stream: int) -> Callable[[], None]:
        """Waits until all that was put into the stream so far is done: the two driver calls, with nothing around."""
        event, where = self.event(timed=False), ctypes.c_void_p(stream)
        record, synchronize = self._library.cuEventRecord, self._library.cuEventSynchronize

        def wait() -> None:
            code = record(event, where) or synchronize(event)
            if code:
                raise CudaError("waiting for the GPU: %s" % self._words(code))

        return wait

    def captured(self, work: Callable[[], None], stream: int) -> Callable[[], None]:
        """What `work` puts into the stream as one graph: the call that launches it. Raises CudaError.

        What `work` itself raises goes through, after the capture was ended.
        """
        self._call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), CAPTURE_RELAXED)
        graph = ctypes.c_void_p()
        failed: Optional[Exception] = None
        try:
            work()
        except Exception as error:  # the stream must not be left capturing
            failed = error
        ended = self._library.cuStreamEndCapture(ctypes.c_void_p(stream), ctypes.byref(graph))
        if failed is not None:
            raise failed
        if ended:
            raise CudaError("cuStreamEndCapture: %s" % self._words(ended))
        executable = self._instantiate(graph)
        launch, where = self._library.cuGraphLaunch, ctypes.c_void_p(stream)

        def run() -> None:
            code = launch(executable, where)
            if code:
                raise CudaError("cuGraphLaunch: %s" % self._words(code))

        return run

    def _instantiate(self, graph: ctypes.c_void_p) -> ctypes.c_void_p:
        if hasattr(self._library, "cuGraphInstantiateWithFlags"):  # since CUDA 11.4
            return self._handle("cuGraphInstantiateWithFlags", graph, ctypes.c_ulonglong(0))
        return self._handle(self._newest("cuGraphInstantiate"), graph, None, None, ctypes.c_size_t(0))
