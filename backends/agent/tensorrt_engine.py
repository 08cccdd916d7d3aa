"""An engine on the GPU, with memory for inputs and outputs: by tensor names since TensorRT 8.5, else by bindings."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Dict, List, Tuple

from .adapter import Json, Refused
from .cuda_driver import Cuda, CudaError
from .tensorrt_build import spec_of


class _Tensor:
    """One input or output as `spec_of` reads a network's."""

    def __init__(self, name: str, dtype: Any) -> None:
        self.name, self.dtype = name, dtype


def deserialized(trt: Any, log: Any, data: bytes, dla: str) -> Tuple[Any, Any]:
    """The runtime, which has to live as long as its engine, and the engine. Raises Refused with TensorRT's words."""
    runtime = trt.Runtime(log)
    if dla:
        runtime.DLA_core = int(dla)
    engine = runtime.deserialize_cuda_engine(data)
    if engine is None:
        raise Refused("TensorRT cannot load the engine: %s" % log.said("it gives no reason"))
    return runtime, engine


class Lane:
    """One execution context of an engine, with a stream and memory of its own. Raises Refused where it cannot be had.

    inputs, outputs: the network's, in its order, which the lane's are put into; the shapes of inputs are set.
    """

    def __init__(self, trt: Any, log: Any, cuda: Cuda, engine: Any, inputs: List[Json], outputs: List[Json]) -> None:
        self._trt, self._log, self._cuda, self._engine = trt, log, cuda, engine
        self._context = engine.create_execution_context()
        if self._context is None:
            raise Refused("TensorRT cannot run the engine: %s" % log.said("it gives no reason"))
        self._named = hasattr(engine, "get_tensor_name")
        self.stream = cuda.stream()
        found = self._io({spec["name"]: spec["shape"] for spec in inputs})
        self.inputs, self.outputs = in_order(found[0], inputs), in_order(found[1], outputs)
        self._make_room()
        self.wait = cuda.waiter(self.stream)

    def _io(self, shapes: Dict[str, List[int]]) -> Tuple[List[Json], List[Json]]:
        engine, context = self._engine, self._context
        inputs, outputs = [], []
        for index, name in enumerate(self._names()):
            if not self._is_input(index, name):
                outputs.append((index, name))
                continue
            if name in shapes:
                shape = tuple(shapes[name])
                took = context.set_input_shape(name, shape) if self._named else self._set_binding(index, shape)
                if took is False:
                    raise Refused("TensorRT does not take the shape of %s: %s" % (name, self._log.said(str(shape))))
            inputs.append((index, name))
        found = []
        for part in (inputs, outputs):
            specs = []
            for index, name in part:
                if self._named:
                    tensor, shape = _Tensor(name, engine.get_tensor_dtype(name)), context.get_tensor_shape(name)
                else:
                    tensor, shape = _Tensor(name, engine.get_binding_dtype(index)), context.get_binding_shape(index)
                specs.append(spec_of(tensor, list(shape)))
            found.append(specs)
        return found[0], found[1]

    def _names(self) -> List[str]:
        engine = self._engine
        if self._named:
            return [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        return [engine.get_binding_name(i) for i in range(engine.num_bindings)]

    def _is_input(self, index: int, name: str) -> bool:
        if self._named:
            return bool(self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT)
        return bool(self._engine.binding_is_input(index))

    def _set_binding(self, index: int, shape: Tuple[int, ...]) -> bool:
        if -1 not in tuple(self._engine.get_binding_shape(index)):
            return True
        return bool(self._context.set_binding_shape(index, shape))

    def _make_room(self) -> None:
        """Memory on the GPU and page-locked memory here, for each tensor."""
        import numpy as np

        self._addresses: Dict[str, int] = {}
        self._hosts: Dict[str, Any] = {}
        for spec in [*self.inputs, *self.outputs]:
            if any(size < 0 for size in spec["shape"]):
                message = "the size of %s is known only once it has run: that is not driven here" % spec["name"]
                raise Refused(message, "`-b onnxruntime` measures it.")
            size = int(np.dtype(spec["dtype"]).itemsize)
            for length in spec["shape"]:
                size *= length
            try:
                self._addresses[spec["name"]] = self._cuda.allocate(size)
                self._hosts[spec["name"]] = self._cuda.pinned(size)
            except CudaError as error:
                raise Refused("no memory on the GPU for %s: %s" % (spec["name"], error)) from None
        if self._named:
            for name, address in self._addresses.items():
                self._context.set_tensor_address(name, address)

    def enqueue(self) -> Callable[[], None]:
        """The call that gives the GPU one inference and does not wait for it."""
        stream = self.stream
        if self._named:
            begin: Callable[..., Any] = self._context.execute_async_v3
            arguments: Tuple[Any, ...] = (stream,)
        else:
            begin = self._context.execute_async_v2
            arguments = ([self._addresses[name] for name in self._names()], stream)

        def run() -> None:
            if not begin(*arguments):
                raise RuntimeError("TensorRT did not begin an inference: %s" % self._log.said("it gives no reason"))

        return run

    def as_graph(self) -> Callable[[], None]:
        """The same as one CUDA graph. Raises Refused where it cannot be captured."""
        run = self.enqueue()
        for spec in self.inputs:  # the inputs are not there yet, and what memory holds may be no index into a table
            host = self._hosts[spec["name"]]
            ctypes.memset(ctypes.byref(host), 0, len(host))
        try:
            self.copy_in()
            run()  # what is set up in the first inference may not be captured
            self.wait()
            return self._cuda.captured(run, self.stream)
        except (CudaError, RuntimeError) as error:
            message = "the engine cannot be captured as a CUDA graph: %s" % error
            raise Refused(message, "Leave the option cuda_graph out.") from None

    def fill(self, arrays: List[Any]) -> None:
        """Put the inputs into page-locked memory, from where `copy_in` takes them."""
        import numpy as np

        for spec, array in zip(self.inputs, arrays):
            host = np.frombuffer(self._hosts[spec["name"]], dtype=spec["dtype"])
            host[...] = np.ascontiguousarray(array).reshape(-1)

    def copy_in(self) -> None:
        for spec in self.inputs:
            self._cuda.copy_in(self._addresses[spec["name"]], self._hosts[spec["name"]], self.stream)
        self._cuda.wait_for_stream(self.stream)

    def copy_out(self) -> None:
        for spec in self.outputs:
            self._cuda.copy_out(self._hosts[spec["name"]], self._addresses[spec["name"]], self.stream)
        self._cuda.wait_for_stream(self.stream)

    def outputs_here(self) -> List[Any]:
        import numpy as np

        self.copy_out()
        found = []
        for spec in self.outputs:
            host = np.frombuffer(self._hosts[spec["name"]], dtype=spec["dtype"])
            found.append(host.reshape(spec["shape"]).copy())
        return found

    def set_profiler(self, profiler: Any) -> None:
        self._context.profiler = profiler


def in_order(found: List[Json], wanted: List[Json]) -> List[Json]:
    """By the names' order in `wanted`; others behind, as they come."""
    places = {spec["name"]: place for place, spec in enumerate(wanted)}
    return sorted(found, key=lambda spec: places.get(spec["name"], len(places)))
