"""LiteRT's op profiler, reached through the C library of its wheel.

The C interface is not promised to be stable: the layouts below are those of libLiteRt 2.3 (litert/c headers of that
version), read there and checked by running; any other version is refused.

An event is 13 words of 8 bytes: tag, type, start_us, elapsed_us, three words of memory before, three after, two of
metadata, source. Event types: 2 an op of the runtime, 8 an op inside of a delegate; the others are not ops.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
from typing import Any, Dict, List, Tuple

from .adapter import Json, Refused

EVENT_WORDS = 13
OP_EVENT = 2
DELEGATE_OP_EVENT = 8
DELEGATE_TAG = "Delegate"  # part of the tag of the op event that spans a whole delegate partition
MAX_RANK = 8
ELEMENT_TYPES = {  # numpy's name -> LiteRtElementType, which follows kTfLite types
    "float32": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "float16": 10,
    "float64": 11,
}
WARM_UP_RUNS = 3
CPU = 1


class _Layout(ctypes.Structure):
    _fields_ = [
        ("rank_and_flags", ctypes.c_uint32),  # 7 bits of rank, 1 bit: has strides
        ("dimensions", ctypes.c_int32 * MAX_RANK),
        ("strides", ctypes.c_uint32 * MAX_RANK),
    ]


class _RankedTensorType(ctypes.Structure):
    _fields_ = [("element_type", ctypes.c_int), ("layout", _Layout)]


class _Library:
    """Calls by name; a status that is not 0 is refused with the call's name."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self._alive: List[Any] = []  # the library keeps pointers to what we pass

    def __call__(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise Refused("op profile unavailable: libLiteRt has no %s" % name) from None
        function.restype = ctypes.c_int
        status = function(*arguments)
        if status != 0:
            raise Refused("op profile unavailable: %s returned status %d" % (name, status))

    def make(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """Call a function whose last argument receives a handle."""
        handle = ctypes.c_void_p()
        self(name, *arguments, ctypes.byref(handle))
        return handle

    def add_option(self, options: ctypes.c_void_p, identifier: str, toml: str) -> None:
        payload = ctypes.create_string_buffer(toml.encode())
        destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
        self._alive += [payload, destructor]
        opaque = self.make("LiteRtCreateOpaqueOptions", identifier.encode(), payload, destructor)
        self("LiteRtAddOpaqueOptions", options, opaque)


def _library(module: Any) -> _Library:
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("ai-edge-litert")
    except PackageNotFoundError:
        found = "unknown"
    if not found.startswith("2.3."):
        raise Refused(
            "op profile unavailable: made for LiteRT 2.3, found %s" % found, "pip install 'ai-edge-litert>=2.3,<2.4'"
        )
    folder = os.path.dirname(module.__file__)
    for name in ("libLiteRt.so", "libLiteRt.dylib", "libLiteRt.dll"):
        if os.path.exists(os.path.join(folder, name)):
            return _Library(os.path.join(folder, name))
    raise Refused("op profile unavailable: no libLiteRt in %s" % folder)


def _tensor_type(spec: Json) -> _RankedTensorType:
    if spec["dtype"] not in ELEMENT_TYPES or len(spec["shape"]) > MAX_RANK:
        raise Refused("op profile unavailable: tensor %(name)s is %(dtype)s %(shape)s" % spec)
    ranked = _RankedTensorType()
    ranked.element_type = ELEMENT_TYPES[spec["dtype"]]
    ranked.layout.rank_and_flags = len(spec["shape"])
    for index, size in enumerate(spec["shape"]):
        ranked.layout.dimensions[index] = size
    return ranked


def _buffers(library: _Library, environment: Any, model: Any, direction: str, specs: List[Json]) -> Any:
    handles = (ctypes.c_void_p * len(specs))()
    for index, spec in enumerate(specs):
        requirements = library.make(
            "LiteRtGetCompiledModel%sBufferRequirements" % direction, model, ctypes.c_size_t(0), ctypes.c_size_t(index)
        )
        handles[index] = library.make(
            "LiteRtCreateManagedTensorBufferFromRequirements",
            environment,
            ctypes.byref(_tensor_type(spec)),
            requirements,
        ).value
    return handles


def _fill(library: _Library, buffers: Any, arrays: List[Any]) -> None:
    write = 1
    for handle, array in zip(buffers, arrays):
        address = ctypes.c_void_p()
        library("LiteRtLockTensorBuffer", ctypes.c_void_p(handle), ctypes.byref(address), ctypes.c_int(write))
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        library("LiteRtUnlockTensorBuffer", ctypes.c_void_p(handle))


def _events(library: _Library, profiler: Any) -> List[Tuple[str, int, int]]:
    """(tag, event type, elapsed_us) in run order."""
    count = ctypes.c_int()
    library("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(count))
    raw = ctypes.create_string_buffer(max(count.value, 1) * EVENT_WORDS * 8)
    library("LiteRtGetProfilerEvents", profiler, count, raw)
    words = struct.unpack("=%dQ" % (count.value * EVENT_WORDS), raw.raw[: count.value * EVENT_WORDS * 8])
    events = []
    for start in range(0, len(words), EVENT_WORDS):
        tag = ctypes.string_at(words[start]).decode("utf-8", "replace") if words[start] else ""
        events.append((tag, words[start + 1] & 0xFFFFFFFF, words[start + 3]))
    return events


def op_rows(events: List[Tuple[str, int, int]]) -> List[Tuple[str, int, bool]]:
    """(op, elapsed_us, is delegate's) of one inference; the event that spans a whole partition is left out."""
    return [
        (tag, elapsed, kind == DELEGATE_OP_EVENT)
        for tag, kind, elapsed in events
        if kind == DELEGATE_OP_EVENT or (kind == OP_EVENT and DELEGATE_TAG not in tag)
    ]


def profile(
    path: str,
    module: Any,
    kernels: str,
    threads: int,
    tensors: Tuple[List[Json], List[Json]],
    arrays: List[Any],
    shapes: Dict[str, List[int]],
    inferences: int,
) -> Json:
    """Op rows over `inferences` runs of a CompiledModel with the same kernels and threads."""
    if kernels == "reference":
        raise Refused("op profile unavailable: LiteRT's profiler does not run the reference kernels")
    if shapes:
        raise Refused("op profile unavailable: LiteRT's profiler takes static shapes only")
    library = _library(module)
    environment = library.make("LiteRtCreateEnvironment", 0, None)
    model = library.make("LiteRtCreateModelFromFile", environment, path.encode())
    options = library.make("LiteRtCreateOptions")
    library("LiteRtSetOptionsHardwareAccelerators", options, CPU)
    library.add_option(options, "runtime_options_string", "enable_profiling = true\n")
    library.add_option(options, "xnnpack", 'kernel_mode = "%s"\nnum_threads = %d\n' % (kernels, threads))
    compiled = library.make("LiteRtCreateCompiledModel", environment, model, options)
    inputs = _buffers(library, environment, compiled, "Input", tensors[0])
    outputs = _buffers(library, environment, compiled, "Output", tensors[1])
    _fill(library, inputs, arrays)
    profiler = library.make("LiteRtCompiledModelGetProfiler", compiled)

    def run() -> None:
        library(
            "LiteRtRunCompiledModel",
            compiled,
            ctypes.c_size_t(0),
            ctypes.c_size_t(len(inputs)),
            inputs,
            ctypes.c_size_t(len(outputs)),
            outputs,
        )

    for _ in range(WARM_UP_RUNS):
        run()
    samples: List[int] = []
    sums: Dict[Tuple[int, str, bool], int] = {}
    for _ in range(inferences):
        library("LiteRtResetProfiler", profiler)
        library("LiteRtStartProfiler", profiler)
        begun = time.perf_counter_ns()
        run()
        samples.append(time.perf_counter_ns() - begun)
        library("LiteRtStopProfiler", profiler)
        # The runtime's own index restarts in every partition: the position in the run is the key.
        for position, (tag, elapsed_us, inside) in enumerate(op_rows(_events(library, profiler))):
            key = (position, tag, inside)
            sums[key] = sums.get(key, 0) + elapsed_us * 1000
    return {
        "source": "libLiteRt profiler",
        "inferences": inferences,
        "samples_ns": samples,
        "total_ns": sum(samples),
        "rows": [
            {
                "position": position,
                "op_type": tag,
                "name": "",
                "time_ns": time_ns,
                "calls": inferences,
                "source_ops": [],
                "where": "XNNPACK" if inside else "builtin kernels",
            }
            for (position, tag, inside), time_ns in sorted(sums.items())
        ],
        "notes": ["LiteRT counts whole microseconds"],
    }
