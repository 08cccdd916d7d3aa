"""Stands in the place of the package `tensorrt`, whose engines run on no test host: its Python API as far as the agent
uses it, on the stand-in of libcuda. Its engine takes one fp32 input and computes 2 * x + 1 for each output of its size.

STAND_IN_TENSORRT in the environment is the version: the classes have what that version has. STAND_IN_DLA: the number of
DLA cores, of which the builder gives one layer to DLA and one to the GPU.
"""

import ctypes
import json
import os
import time

__version__ = os.environ.get("STAND_IN_TENSORRT", "10.3.0")
_VERSION = tuple(int(part) for part in __version__.split(".")[:2])
_cuda = ctypes.CDLL("libcuda.so.1")


class _Enum:
    def __init__(self, kind, name, number):
        self.kind, self.name, self.number = kind, name, number

    def __str__(self):
        return f"{self.kind}.{self.name}"

    def __int__(self):
        return self.number


def _enum(kind, *names):
    return type(kind, (), {name: _Enum(kind, name, number) for number, name in enumerate(names)})


_PRECISIONS = ("FP16", "INT8") if _VERSION < (11, 0) else ()
BuilderFlag = _enum("BuilderFlag", "TF32", "GPU_FALLBACK", *_PRECISIONS)
NetworkDefinitionCreationFlag = _enum(
    "NetworkDefinitionCreationFlag", *(["EXPLICIT_BATCH"] if _VERSION < (11, 0) else ["STRONGLY_TYPED"])
)
DataType = _enum("DataType", "FLOAT", "HALF", "INT8", "INT32", "INT64", "BF16")
LayerType = _enum("LayerType", "CONVOLUTION", "QUANTIZE", "DEQUANTIZE")
TensorIOMode = _enum("TensorIOMode", "INPUT", "OUTPUT")
DeviceType = _enum("DeviceType", "GPU", "DLA")
ProfilingVerbosity = _enum("ProfilingVerbosity", "LAYER_NAMES_ONLY", "DETAILED")
LayerInformationFormat = _enum("LayerInformationFormat", "ONELINE", "JSON")
MemoryPoolType = _enum("MemoryPoolType", "WORKSPACE")
_Severity = _enum("Severity", "INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")


class ILogger:
    def log(self, severity, text):
        raise NotImplementedError


class IProfiler:
    def report_layer_time(self, layer_name, ms):
        raise NotImplementedError


class _Tensor:
    is_shape_tensor = False

    def __init__(self, name, shape, dtype=DataType.FLOAT):
        self.name, self.shape, self.dtype = name, tuple(shape), dtype


class _Layer:
    def __init__(self, kind):
        self.type = kind


class _Network:
    def __init__(self):
        self.inputs, self.outputs, self.layers = [], [], []

    num_inputs = property(lambda self: len(self.inputs))
    num_outputs = property(lambda self: len(self.outputs))
    num_layers = property(lambda self: len(self.layers))

    def get_input(self, index):
        return self.inputs[index]

    def get_output(self, index):
        return self.outputs[index]

    def get_layer(self, index):
        return self.layers[index]


class _Error:
    def desc(self):
        return "no ONNX"

    def node(self):
        return 3


class OnnxParser:
    def __init__(self, network, log):
        self._network, self._log, self.num_errors = network, log, 0

    def parse_from_file(self, path):
        import onnx

        try:
            graph = onnx.load(path).graph
        except Exception:
            self.num_errors = 1
            return False
        for told, kept in ((graph.input, self._network.inputs), (graph.output, self._network.outputs)):
            for value in told:
                dims = [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim]
                kept.append(_Tensor(value.name, dims))
        kinds = {"QuantizeLinear": LayerType.QUANTIZE, "DequantizeLinear": LayerType.DEQUANTIZE}
        self._network.layers = [_Layer(kinds.get(node.op_type, LayerType.CONVOLUTION)) for node in graph.node]
        return True

    def get_error(self, index):
        return _Error()


class _Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, least, most_likely, most):
        assert least == most_likely == most
        self.shapes[name] = list(least)


class _Config:
    def __init__(self):
        self.flags = {"TF32"}
        self.profile = _Profile()
        self.avg_timing_iterations = 1
        if _VERSION < (11, 0):
            self.min_timing_iterations = 1
        if _VERSION >= (8, 6):
            self.builder_optimization_level = 2

    def set_flag(self, flag):
        self.flags.add(flag.name)

    def clear_flag(self, flag):
        self.flags.discard(flag.name)

    if _VERSION >= (8, 4):

        def set_memory_pool_limit(self, pool, size):
            self.workspace = size

    def add_optimization_profile(self, profile):
        self.profile = profile


class Builder:
    def __init__(self, log):
        self._log = log
        self.num_DLA_cores = int(os.environ.get("STAND_IN_DLA", "0"))

    def create_network(self, flags):
        assert flags == (1 if _VERSION < (11, 0) else 0)
        return _Network()

    def create_builder_config(self):
        return _Config()

    def create_optimization_profile(self):
        return _Profile()

    def build_serialized_network(self, network, config):
        self._log.log(_Severity.VERBOSE, "what nobody should print")
        if "STAND_IN_FAILS" in os.environ:
            self._log.log(_Severity.ERROR, "Could not find any implementation for node Conv_0.")
            return None
        if getattr(config, "default_device_type", None) is DeviceType.DLA:
            for line in ("---------- Layers Running on DLA ----------", "[DlaLayer] {ForeignNode[Conv_0...Relu_1]}"):
                self._log.log(_Severity.INFO, line)
            for line in ("---------- Layers Running on GPU ----------", "[GpuLayer] SHUFFLE: Reshape_2"):
                self._log.log(_Severity.INFO, line)
        self._log.log(_Severity.INFO, f"built once with {sorted(config.flags)}")
        shapes = config.profile.shapes
        closed = [(each.name, shapes.get(each.name, list(each.shape)), 0) for each in network.inputs]
        batch = closed[0][1][0]
        # As engines may do, outputs stand before inputs.
        told = [(each.name, [batch, *each.shape[1:]], 1) for each in reversed(network.outputs)] + closed
        return json.dumps({"io": told, "flags": sorted(config.flags), "open": bool(shapes)}).encode()


class Runtime:
    def __init__(self, log):
        self._log = log

    def deserialize_cuda_engine(self, data):
        return _Engine(json.loads(bytes(data)))


class _Inspector:
    def get_engine_information(self, form):
        layers = [
            {"Name": "Conv_0 + Relu_1", "LayerType": "CaskConvolution", "Metadata": "[ONNX Layer: a][ONNX Layer: b]"},
            {"Name": "Reformatting CopyNode for Input Tensor 0 to Conv_0", "LayerType": "Reformat", "Metadata": ""},
        ]
        return json.dumps({"Layers": layers})


class _Engine:
    def __init__(self, told):
        self.told, self.contexts = told, 0
        self.io = [(name, tuple(shape), bool(output)) for name, shape, output in told["io"]]

    def create_execution_context(self):
        return _Context(self)

    def create_engine_inspector(self):
        return _Inspector()

    if _VERSION >= (8, 5):
        num_io_tensors = property(lambda self: len(self.io))

        def get_tensor_name(self, index):
            return self.io[index][0]

        def get_tensor_mode(self, name):
            output = next(each[2] for each in self.io if each[0] == name)
            return TensorIOMode.OUTPUT if output else TensorIOMode.INPUT

        def get_tensor_dtype(self, name):
            return DataType.FLOAT
    else:
        num_bindings = property(lambda self: len(self.io))

        def get_binding_name(self, index):
            return self.io[index][0]

        def binding_is_input(self, index):
            return not self.io[index][2]

        def get_binding_dtype(self, index):
            return DataType.FLOAT

        def get_binding_shape(self, index):
            return (-1, *self.io[index][1][1:]) if self.told["open"] else self.io[index][1]


class _Context:
    def __init__(self, engine):
        self.engine, self.profiler, self.addresses = engine, None, {}
        self.given = {name: shape for name, shape, output in engine.io if not output and not engine.told["open"]}

    @property
    def shapes(self):
        """Open until the input has one: then as the engine was built for."""
        return {name: shape if self.given else (-1, *shape[1:]) for name, shape, _ in self.engine.io}

    def _run(self, stream):
        source = next(name for name, _, output in self.engine.io if not output)
        count = 1
        for size in self.shapes[source]:
            count *= size
        begun = time.perf_counter()
        for name, shape, output in self.engine.io:
            if output and shape == self.shapes[source]:
                where = [ctypes.c_ulonglong(self.addresses[each]) for each in (source, name)]
                if _cuda.stand_in_enqueue(ctypes.c_void_p(stream), *where, ctypes.c_size_t(count)):
                    return False
        if self.profiler is not None:
            _cuda.stand_in_wait(ctypes.c_void_p(stream))
            ms = (time.perf_counter() - begun) * 1e3
            self.profiler.report_layer_time("Reformatting CopyNode for Input Tensor 0 to Conv_0", ms * 0.25)
            self.profiler.report_layer_time("Conv_0 + Relu_1", ms * 0.5)
            self.profiler.report_layer_time("PWN(Sigmoid_2)", ms * 0.25)
        return True

    if _VERSION >= (8, 5):

        def set_input_shape(self, name, shape):
            self.given[name] = tuple(shape)
            return True

        def get_tensor_shape(self, name):
            return self.shapes[name]

        def set_tensor_address(self, name, address):
            self.addresses[name] = address

        def execute_async_v3(self, stream_handle):
            return self._run(stream_handle)
    else:

        def set_binding_shape(self, index, shape):
            self.given[self.engine.io[index][0]] = tuple(shape)
            return True

        def get_binding_shape(self, index):
            return self.shapes[self.engine.io[index][0]]

        def execute_async_v2(self, bindings, stream_handle):
            self.addresses = {each[0]: address for each, address in zip(self.engine.io, bindings, strict=True)}
            return self._run(stream_handle)
