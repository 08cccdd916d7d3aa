"""From an ONNX file to TensorRT's engine, with the Python API of TensorRT 8 to 11 and of TensorRT for RTX.

The settings are those of the trtexec backend, so that both measure the same engine where the version has them: what
decides about speed and has another default in some version is set. A version that lacks one is told in `lacking`.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

from .adapter import Json, Refused, shape_mismatch

PACKAGES = ("tensorrt", "tensorrt_rtx")
INSTALL = "pip install tensorrt, or pip install tensorrt-rtx-cu12 (TensorRT for RTX GPUs)"
OLDEST = 8
WORKSPACE_MIB = 1024
# trtexec's own numbers, and those that its backend sets: see there
ALIGNED = (("builder_optimization_level", 3), ("min_timing_iterations", 1), ("avg_timing_iterations", 8))
PRECISIONS: Dict[str, Tuple[str, ...]] = {"fp32": (), "fp16": ("FP16",), "int8": ("INT8",), "best": ("FP16", "INT8")}
DTYPES = {
    "FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "INT64": "int64", "BOOL": "bool",
    "UINT8": "uint8",
}  # fmt: skip
TYPES_DECIDE = "Give a model that is in that precision itself, without the option precision."
_LAYER = re.compile(r"\[(Dla|Gpu)Layer\] (?:[A-Z][A-Z0-9_]+: )?(.*)")
_PLACED = re.compile(r"-{5,} ?Layers [Rr]unning on (?:DLA|GPU)")
_KEPT = 20


def package(wanted: str = "") -> Any:
    """The module `tensorrt`, else `tensorrt_rtx`; wanted: only that one. Raises Refused."""
    told = []
    for name in (wanted,) if wanted else PACKAGES:
        try:
            found = importlib.import_module(name)
        except (ImportError, OSError) as error:  # OSError: the package is there, a library of it is not
            told.append("%s: %s" % (name, error))
            continue
        version = str(getattr(found, "__version__", ""))
        if name == "tensorrt" and (not version or int(version.split(".")[0]) < OLDEST):
            todo = "`-b trtexec` drives TensorRT 7 by its own tool."
            raise Refused(
                "TensorRT %s is older than its Python API is driven here" % (version or "of no version"), todo
            )
        return found
    raise Refused("TensorRT cannot be imported: %s" % "; ".join(told), INSTALL)


def logger(trt: Any) -> Any:
    """TensorRT's logger: prints from INFO on to stderr, and keeps errors, and where the builder placed which layer.

    errors: the last few; dla, gpu: names of layers; placed: the builder listed them.
    """

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: List[str] = []
            self.dla: List[str] = []
            self.gpu: List[str] = []
            self.placed = False

        def log(self, severity: Any, text: str) -> None:
            level = str(severity).rpartition(".")[2]
            if level == "VERBOSE":
                return
            print("[TRT] [%s] %s" % (level[0], text), file=sys.stderr)
            if level.endswith("ERROR"):
                self.errors = [*self.errors, text.strip()][-_KEPT:]
            layer = _LAYER.search(text)
            if layer:
                (self.dla if layer.group(1) == "Dla" else self.gpu).append(layer.group(2))
            self.placed = self.placed or _PLACED.search(text) is not None

        def said(self, otherwise: str) -> str:
            return "; ".join(dict.fromkeys(self.errors[:4])) or otherwise

    return Log()


class Parsed:
    """A model's network. inputs, outputs: {name, dtype, shape}, as they will run; -1: still open.

    Raises Refused for what the parser does not take, and for shapes that the model cannot have.
    """

    def __init__(self, trt: Any, log: Any, path: str, shapes: Dict[str, List[int]]) -> None:
        self._trt = trt
        if hasattr(trt, "init_libnvinfer_plugins"):
            trt.init_libnvinfer_plugins(log, "")
        self.builder = trt.Builder(log)
        explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
        self.network = self.builder.create_network(0 if explicit is None else 1 << int(explicit))
        parser = trt.OnnxParser(self.network, log)
        if not parser.parse_from_file(path):
            raise Refused("TensorRT's parser does not take the model: %s" % parser_errors(parser, log))
        self._parser = parser  # it owns the weights that the network reads
        self.inputs = [self._closed(tensor, shapes) for tensor in self._all("input")]
        self.outputs = [spec_of(tensor, list(tensor.shape)) for tensor in self._all("output")]

    def _all(self, kind: str) -> List[Any]:
        return [getattr(self.network, "get_" + kind)(i) for i in range(getattr(self.network, "num_%ss" % kind))]

    @staticmethod
    def _closed(tensor: Any, shapes: Dict[str, List[int]]) -> Json:
        filed = [int(size) for size in tensor.shape]
        if getattr(tensor, "is_shape_tensor", False):
            raise Refused("input %s sets the shapes of others: that is not driven here" % tensor.name)
        asked = list(shapes.get(tensor.name, filed))
        if len(asked) != len(filed) or any(size not in (-1, want) for size, want in zip(filed, asked)):
            raise shape_mismatch(tensor.name, asked, filed)
        return spec_of(tensor, asked)

    @property
    def open(self) -> bool:
        """Whether an input has no size yet: no engine can be built."""
        return any(size < 0 for spec in self.inputs for size in spec["shape"])

    @property
    def quantized(self) -> bool:
        """Whether the file says itself what is int8: it has QuantizeLinear and DequantizeLinear nodes."""
        kinds = [getattr(self._trt.LayerType, name, None) for name in ("QUANTIZE", "DEQUANTIZE")]
        return any(self.network.get_layer(i).type in kinds for i in range(self.network.num_layers))


def parser_errors(parser: Any, log: Any) -> str:
    found = []
    for index in range(min(parser.num_errors, 4)):
        error = parser.get_error(index)
        # Since 10 it tells the node's op and name beside its number.
        names = [str(getattr(error, name)()) for name in ("node_operator", "node_name") if hasattr(error, name)]
        found.append("%s (node %s)" % (error.desc(), " ".join([str(error.node()), *filter(None, names)])))
    return "; ".join(found) or str(log.said("it gives no reason"))


def spec_of(tensor: Any, shape: List[int]) -> Json:
    kind = str(tensor.dtype).rpartition(".")[2]
    if kind not in DTYPES:
        raise Refused("%s is of the type %s, which numpy has not" % (tensor.name, kind))
    return {"name": tensor.name, "dtype": DTYPES[kind], "shape": [int(size) for size in shape]}


class Plan:
    """How an engine will be built. told: the settings, in words; lacking: what this version has no setting for.

    Raises Refused for a precision or DLA core that this version, or the model, cannot have.
    """

    def __init__(self, trt: Any, parsed: Parsed, options: Dict[str, str]) -> None:
        self._trt, self._parsed = trt, parsed
        self.config = parsed.builder.create_builder_config()
        self.told: List[str] = []
        self.lacking: List[str] = []
        self._precision(options.get("precision", "fp32"))
        self._align()
        if options.get("dla"):
            self._dla(int(options["dla"]))
        self._profile(several=int(options.get("streams") or 1) > 1)

    def _precision(self, precision: str) -> None:
        flags = self._trt.BuilderFlag
        for name in PRECISIONS[precision]:
            if not hasattr(flags, name):
                message = "cannot build with precision=%s: in this TensorRT the types in the file alone decide"
                raise Refused(message % precision, TYPES_DECIDE)
        if "INT8" in PRECISIONS[precision] and not self._parsed.quantized:
            message = "cannot build with precision=%s: the model is not quantized (no QuantizeLinear nodes)"
            todo = "Give its int8 variant; `-b trtexec` makes ranges up, for a time without meaningful outputs."
            raise Refused(message % precision, todo)
        for name in PRECISIONS[precision]:
            self.config.set_flag(getattr(flags, name))
            self.told.append(name)
        if precision == "fp32":
            self.config.clear_flag(flags.TF32)
            self.told.append("no TF32")

    def _align(self) -> None:
        trt, config = self._trt, self.config
        if hasattr(config, "set_memory_pool_limit"):
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_MIB << 20)
        else:  # before 8.4
            config.max_workspace_size = WORKSPACE_MIB << 20
        self.told.append("workspace=%d MiB" % WORKSPACE_MIB)
        for name, value in ALIGNED:
            if hasattr(config, name):
                setattr(config, name, value)
                self.told.append("%s=%d" % (name, value))
            else:
                self.lacking.append(name)
        # So that the engine tells which nodes of the model a layer is; it changes no kernel. VERBOSE: before 8.2.
        levels = getattr(trt, "ProfilingVerbosity", None)
        level = getattr(levels, "DETAILED", getattr(levels, "VERBOSE", None))
        if level is not None:
            config.profiling_verbosity = level

    def _dla(self, core: int) -> None:
        trt, config = self._trt, self.config
        cores = int(self._parsed.builder.num_DLA_cores)
        if core >= cores:
            raise Refused("there is no DLA core %d: this GPU has %d" % (core, cores), "Leave the option dla out.")
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = core
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
        self.told.append("DLA_core=%d with GPU fallback" % core)

    def _profile(self, several: bool) -> None:
        """An open dimension becomes the one size that is measured. several: contexts will share it."""
        network = self._parsed.network
        profile: Optional[Any] = None
        for index, spec in enumerate(self._parsed.inputs):
            if any(size < 0 for size in network.get_input(index).shape):
                profile = profile or self._parsed.builder.create_optimization_profile()
                shape = tuple(spec["shape"])
                profile.set_shape(spec["name"], shape, shape, shape)
                self.told.append("%s=%s" % (spec["name"], "x".join(map(str, shape))))
        if profile is None:
            return
        self.config.add_optimization_profile(profile)
        sharing = getattr(getattr(self._trt, "PreviewFeature", None), "PROFILE_SHARING_0806", None)
        if several and sharing is not None:  # 8.6 to 9; what 10 does by itself
            self.config.set_preview_feature(sharing, True)
            self.told.append("PROFILE_SHARING_0806")

    def build(self, log: Any) -> Tuple[bytes, float]:
        """The engine, and how many seconds its building took. Raises Refused with the builder's own words."""
        begun = time.perf_counter()
        built = self._parsed.builder.build_serialized_network(self._parsed.network, self.config)
        if built is None:
            raise Refused("TensorRT cannot build an engine of it: %s" % log.said("the builder gives no reason"))
        return bytes(built), time.perf_counter() - begun
