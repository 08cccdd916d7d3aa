"""LiteRT (TensorFlow Lite) through its Interpreter; op profile through its C library (litert_profiler)."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Set, Tuple

from .adapter import Adapter, Json, Refused, shape_mismatch

# option kernels -> name in the runtime's OpResolverType
RESOLVERS = {"xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}


class LiteRt(Adapter):
    name = "litert"
    sync = "blocking call: Interpreter.invoke() returns when the outputs are in host memory; inputs set beforehand"

    def version(self) -> str:
        try:
            from ai_edge_litert import interpreter as module
        except ImportError as error:
            raise Refused("LiteRT cannot be imported: %s" % error, "pip install 'ai-edge-litert>=2.3,<2.4'") from None
        self._module: Any = module
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("ai-edge-litert")
        except PackageNotFoundError:
            return "unknown"

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        self._path = path
        self._shapes = shapes
        self._interpreter = self._made()
        self._inputs: List[Json] = self._interpreter.get_input_details()
        self._outputs: List[Json] = self._interpreter.get_output_details()

    def _made(self) -> Any:
        """An interpreter of the file that is ready for its inputs. Raises Refused."""
        kernels = self.options.get("kernels", "xnnpack")
        resolver = getattr(self._module.OpResolverType, RESOLVERS[kernels])
        try:
            interpreter: Any = self._module.Interpreter(
                model_path=self._path, num_threads=self.threads, experimental_op_resolver_type=resolver
            )
            for detail in interpreter.get_input_details():
                self._resize(interpreter, detail)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise Refused("LiteRT refuses the model: %s" % error, self._advice(str(error), kernels)) from None
        return interpreter

    @staticmethod
    def _advice(message: str, kernels: str) -> str:
        if kernels == "xnnpack" and ("XNNPack" in message or "XNNPACK" in message):
            return "XNNPACK cannot prepare it; try --option kernels=builtin."
        if "edgetpu-custom-op" in message:
            return (
                "It was compiled for an Edge TPU: --accelerator edgetpu, or measure the file that it was compiled from."
            )
        if "custom op" in message or "unresolved" in message.lower() or "Didn't find op" in message:
            return "This LiteRT lacks an op of the model; see its ops with `bench models show MODEL`."
        return ""

    def _resize(self, interpreter: Any, detail: Json) -> None:
        signature = [int(size) for size in detail["shape_signature" if "shape_signature" in detail else "shape"]]
        wanted = self._shapes.get(detail["name"])
        if wanted is None:
            return
        if len(wanted) != len(signature):
            raise shape_mismatch(detail["name"], wanted, signature)
        interpreter.resize_tensor_input(detail["index"], wanted)

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        import numpy as np

        def spec(detail: Json) -> Json:
            shape = [int(size) for size in detail["shape"]]
            found: Json = {"name": detail["name"], "dtype": np.dtype(detail["dtype"]).name, "shape": shape}
            scale, zero_point = detail["quantization"]
            # 0 stands for a tensor that is not quantized, or not with one scale for all of it.
            return dict(found, scale=float(scale), zero_point=int(zero_point)) if scale else found

        return [spec(detail) for detail in self._inputs], [spec(detail) for detail in self._outputs]

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        self._fill(self._interpreter)

    def _fill(self, interpreter: Any) -> None:
        for detail, array in zip(self._inputs, self._arrays):
            interpreter.set_tensor(detail["index"], array)

    def invoker(self) -> Callable[[], Any]:
        call: Callable[[], Any] = self._interpreter.invoke
        return call

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        interpreters = [self._interpreter, *(self._made() for _ in range(streams - 1))]
        for interpreter in interpreters[1:]:
            self._fill(interpreter)
        threads = "%d thread%s" % (self.threads, "s" if self.threads > 1 else "")
        how = "an interpreter for each stream, with memory and %s of its own" % threads
        return [interpreter.invoke for interpreter in interpreters], how

    def outputs(self) -> List[Any]:
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        return (lambda: self.set_inputs(self._arrays)), self.outputs

    def placement(self) -> Json:
        if self.options.get("kernels", "xnnpack") != "xnnpack":
            return {
                "kind": "full",
                "delegate": "%s kernels" % self.options["kernels"],
                "evidence": "the interpreter was made without delegates",
            }
        return delegated(self._interpreter._get_ops_details(), "XNNPACK")

    def settings(self) -> Dict[str, str]:
        return {"kernels": self.options.get("kernels", "xnnpack"), "num_threads": str(self.threads)}

    def profile(self, inferences: int) -> Json:
        from .litert_names import name_rows
        from .litert_profiler import profile

        kernels = self.options.get("kernels", "xnnpack")
        found = profile(
            self._path, self._module, kernels, self.threads, self.tensors(), self._arrays, self._shapes, inferences
        )
        names = {int(detail["index"]): str(detail["name"]) for detail in self._interpreter.get_tensor_details()}
        nodes = [
            (str(op["op_name"]), names.get(int(op["outputs"][0]), "") if len(op["outputs"]) else "")
            for op in self._interpreter._get_ops_details()
            if op["op_name"] != "DELEGATE"
        ]
        return name_rows(found, nodes)


def delegated(ops: List[Json], delegate: str) -> Json:
    """Which nodes the delegate took, from the interpreter's own node list.

    After delegation that list holds the file's nodes and, behind them, one DELEGATE node per partition, with the
    tensors that enter and leave it. A partition's nodes are those met when walking back from what leaves it, as far
    as what enters it.
    """
    nodes = [op for op in ops if op["op_name"] != "DELEGATE"]
    partitions = [op for op in ops if op["op_name"] == "DELEGATE"]
    evidence = "the interpreter's node list: %d nodes, %d delegate nodes" % (len(nodes), len(partitions))
    producer = {int(tensor): op for op in nodes for tensor in op["outputs"]}
    taken: Set[int] = set()
    for partition in partitions:
        stop = {int(tensor) for tensor in partition["inputs"]}
        open_tensors = [int(tensor) for tensor in partition["outputs"]]
        while open_tensors:
            op = producer.get(open_tensors.pop())
            if op is None or op["index"] in taken:
                continue
            taken.add(op["index"])
            open_tensors += [int(tensor) for tensor in op["inputs"] if tensor >= 0 and int(tensor) not in stop]
    kind = "full" if len(taken) == len(nodes) else "partial" if taken else "none"
    return {
        "kind": kind,
        "delegate": delegate,
        "nodes": len(taken),
        "total": len(nodes),
        "partitions": len(partitions),
        "evidence": evidence,
    }


def make(accelerator: str, threads: int, options: Dict[str, str]) -> Adapter:
    """The adapter of that accelerator; each knows how its runtime is made to finish."""
    if accelerator == "gpu":
        from .litert_gpu import LiteRtGpu

        return LiteRtGpu(accelerator, threads, options)
    if accelerator == "edgetpu":
        from .litert_edgetpu import LiteRtEdgeTpu

        return LiteRtEdgeTpu(accelerator, threads, options)
    return LiteRt(accelerator, threads, options)


ADAPTER = make
