"""The backends that there are: one row each. A Python runtime is a row here and `agent/adapter_NAME.py`; a native tool
is a row here and its driver (`job.Driver`)."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field, replace
from typing import cast

from bench.backends.job import Driver
from bench.backends.option import Option
from bench.backends.tensorrt import flags as tensorrt
from bench.backends.tflite import options as tflite
from bench.base.errors import UsageError, did_you_mean

PYTHON_DRIVER = "bench.backends.python_runtime"
# They multiply the work: a backend without them cannot run such a case, and must not run another in its place.
MULTIPLIERS = ("batch", "streams")
_COUNT = r"[1-9]\d{0,3}"
_BATCH = Option(("",), "items in one inference: the first dimension of every input", pattern=_COUNT)
_STREAMS = Option(("",), "inferences at a time, to measure throughput beside latency", pattern=_COUNT)


@dataclass(frozen=True)
class Backend:
    """formats: of model files, the preferred first; accelerators: the default first; module: what it imports, empty
    for a native tool; instead: a module that does as well; driver: the module that drives it. extra: does not come with
    bench, so nothing is amiss without.
    """

    name: str
    title: str
    module: str
    install: str
    formats: tuple[str, ...]
    accelerators: tuple[str, ...]
    options: dict[str, Option] = field(default_factory=dict)
    driver: str = PYTHON_DRIVER
    extra: bool = False
    instead: str = ""

    @property
    def native(self) -> bool:
        """Whether it is a program that is pushed to the device, not a Python runtime there."""
        return not self.module

    def installed(self) -> bool:
        """Whether its package stands in this environment; looks, does not import. A native tool is looked for later."""
        if self.native:
            return True
        try:
            return any(importlib.util.find_spec(name) is not None for name in (self.module, self.instead) if name)
        except ModuleNotFoundError:  # the package that would hold it is missing
            return False


BACKENDS: dict[str, Backend] = {
    row.name: row
    for row in (
        Backend(
            name="litert",
            title="LiteRT (TensorFlow Lite)",
            module="ai_edge_litert",
            install="pip install 'ai-edge-litert>=2.3,<2.4'",
            formats=("tflite",),
            accelerators=("cpu", "gpu", "edgetpu"),
            options={
                "kernels": Option(
                    ("xnnpack", "builtin", "reference"),
                    "XNNPACK delegate, TFLite's own optimised kernels, or its reference kernels",
                    ("cpu",),
                ),
                "precision": Option(
                    ("f32", "runtime"),
                    "compute in fp32, or as the runtime chooses (fp16 on GPUs that have it)",
                    ("gpu",),
                ),
                "clock": Option(
                    ("", "standard", "maximum"), "of a USB Edge TPU; left out: as its library was built", ("edgetpu",)
                ),
                "batch": replace(_BATCH, accelerators=("cpu",)),
                "streams": replace(_STREAMS, accelerators=("cpu",)),
                "device": Option(
                    ("",), "which Edge TPU: usb, pci, usb:1; left out: any", ("edgetpu",), r"(usb|pci)(:\d+)?|:\d+"
                ),
            },
        ),
        Backend(
            name="onnxruntime",
            title="ONNX Runtime",
            module="onnxruntime",
            install="pip install onnxruntime",
            formats=("onnx",),
            accelerators=("cpu", "gpu"),
            options={
                "batch": _BATCH,
                "streams": _STREAMS,
                "optimization": Option(("all", "extended", "basic", "disabled"), "level of graph optimisation"),
                "provider": Option(("", "cuda", "tensorrt"), "execution provider on the GPU; left out: cuda", ("gpu",)),
            },
        ),
        Backend(
            name="openvino",
            title="OpenVINO",
            module="openvino",
            install="pip install openvino",
            formats=("tflite", "onnx", "ir"),
            accelerators=("cpu", "gpu", "npu", "auto", "hetero"),
            options={
                "precision": Option(
                    ("f32", "runtime"), "compute in fp32, or as the runtime chooses (bf16 on CPUs that have it)"
                ),
                "hint": Option(("", "latency", "throughput", "none"), "what OpenVINO tunes for; left out: latency"),
                "batch": _BATCH,
                "streams": _STREAMS,
                "hetero": Option(
                    ("",),
                    "devices to share the graph, the preferred first: GPU,CPU; left out: all",
                    ("hetero",),
                    pattern=r"[A-Za-z]+(\.\d+)?(,[A-Za-z]+(\.\d+)?)*",
                ),
                "model_cache": Option(("", "on"), "later invocations of a case load what the first one compiled"),
            },
        ),
        Backend(
            name="opencv",
            title="OpenCV DNN",
            module="cv2",
            install="pip install opencv-python-headless",
            formats=("onnx",),
            accelerators=("cpu",),
            options={
                "engine": Option(("", "new", "classic"), "of OpenCV 5; left out: the new one, else the classic one"),
            },
            extra=True,
        ),
        Backend(
            name="benchmark_model",
            title="TFLite benchmark_model",
            module="",
            install="bench tools fetch benchmark_model",
            formats=("tflite",),
            accelerators=("cpu", "gpu", "nnapi", "hexagon", "external"),
            options=tflite.CLASSIC,
            driver="bench.backends.benchmark_model",
        ),
        Backend(
            name="benchmark_litert_model",
            title="LiteRT benchmark_litert_model",
            module="",
            install="bench tools fetch benchmark_litert_model",
            formats=("tflite",),
            accelerators=("cpu", "gpu", "npu"),
            options=tflite.LITERT2,
            driver="bench.backends.benchmark_model",
        ),
        Backend(
            name="trtexec",
            title="TensorRT trtexec",
            module="",
            install="install TensorRT on the device (on a Jetson: sudo apt install tensorrt)",
            formats=("onnx",),
            accelerators=("gpu",),
            options=tensorrt.OPTIONS,
            driver="bench.backends.trtexec",
        ),
        Backend(
            name="tensorrt",
            title="TensorRT (Python API)",
            module="tensorrt",
            install="pip install tensorrt, or tensorrt-rtx-cu12 (TensorRT for RTX GPUs)",
            formats=("onnx",),
            accelerators=("gpu",),
            options={
                **{name: tensorrt.OPTIONS[name] for name in ("precision", "dla", "cuda_graph", "spin_wait")},
                "batch": _BATCH,
                "streams": _STREAMS,
                "package": Option(
                    ("", "tensorrt", "tensorrt_rtx"), "what is imported; left out: tensorrt, else tensorrt_rtx"
                ),
            },
            driver="bench.backends.tensorrt.python_api",
            extra=True,
            instead="tensorrt_rtx",
        ),
    )
}

# What a user may look for and no longer exists: what it was, and what does the same.
GONE = dict.fromkeys(
    ("tf-trt", "tftrt", "tf_trt"),
    (
        "TF-TRT was TensorFlow's own way to TensorRT, by SavedModel. TensorFlow is built without it since 2.18: its "
        "converter then answers `Tensorflow has not been built with TensorRT support.`",
        "Give an ONNX file to -b trtexec, -b tensorrt, or -b onnxruntime --option provider=tensorrt.",
    ),
)

ACCELERATORS = tuple(dict.fromkeys(name for row in BACKENDS.values() for name in row.accelerators))


def backend(name: str) -> Backend:
    """Raises UsageError with the nearest names, or with what took the place of one that is gone."""
    if name.lower() in GONE:
        raise UsageError(f"there is no backend {name!r} any more", *GONE[name.lower()])
    if name not in BACKENDS:
        raise UsageError(f"no backend is called {name!r}", "", did_you_mean(name, BACKENDS))
    return BACKENDS[name]


def driver(name: str) -> Driver:
    """The driver of that backend, imported now."""
    return cast(Driver, importlib.import_module(backend(name).driver))


def default_for(format: str) -> str:
    """The backend that runs a file of this format when the user names none: the first that prefers it."""
    preferring = [row.name for row in BACKENDS.values() if row.formats[0] == format]
    able = [row.name for row in BACKENDS.values() if format in row.formats]
    return (preferring or able)[0]


def left_out(key: str, value: str) -> bool:
    """Whether the case without this option was asked for by name: one item, one inference at a time."""
    return key in MULTIPLIERS and not value


def option_keys() -> dict[str, list[str]]:
    """Option name -> the backends that have it."""
    found: dict[str, list[str]] = {}
    for row in BACKENDS.values():
        for key in row.options:
            found.setdefault(key, []).append(row.name)
    return found
