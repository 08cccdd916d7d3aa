"""OpenCV's DNN module on the CPU; op profile from its own times of layers."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Set, Tuple

from .adapter import Adapter, Json, Refused, shape_mismatch
from .onnx_tensors import node_names, tensors_of

ENGINES = {"auto": "ENGINE_AUTO", "new": "ENGINE_NEW", "classic": "ENGINE_CLASSIC"}
CLASSIC_PREFIX = "onnx_node!"  # of the names that the classic engine gives to an ONNX file's nodes
WARM_UP_RUNS = 3


class OpenCv(Adapter):
    name = "opencv"
    sync = "blocking call: Net.forward() returns the outputs as arrays in host memory; inputs set beforehand"

    def version(self) -> str:
        try:
            import cv2
        except ImportError as error:
            raise Refused("OpenCV cannot be imported: %s" % error, "pip install opencv-python-headless") from None
        self._cv: Any = cv2
        return str(cv2.__version__)

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        with open(path, "rb") as stream:
            content = stream.read()
        self._inputs, self._outputs = tensors_of(content)
        self._nodes = set(node_names(content))
        for spec in self._inputs:
            wanted = shapes.get(spec["name"])
            if wanted is not None and len(wanted) != len(spec["shape"]):
                raise shape_mismatch(spec["name"], wanted, spec["shape"])
            spec["shape"] = list(wanted or spec["shape"])
        # The functions that it runs on are of the process, not of the net.
        self._cv.setNumThreads(self.threads)
        dnn = self._cv.dnn
        try:
            self._net: Any = dnn.readNetFromONNX(path, *self._engine(dnn))
            self._net.setPreferableBackend(dnn.DNN_BACKEND_OPENCV)
            self._net.setPreferableTarget(dnn.DNN_TARGET_CPU)
        except self._cv.error as error:
            raise Refused("OpenCV refuses the model: %s" % reason_of(str(error)), self._todo) from None

    def _engine(self, dnn: Any) -> List[Any]:
        engine = self.options.get("engine") or "auto"
        if hasattr(dnn, ENGINES[engine]):
            return [getattr(dnn, ENGINES[engine])]
        if engine == "new":
            raise Refused("OpenCV %s has no new engine" % self._cv.__version__, "It came with OpenCV 5.")
        return []

    @property
    def _todo(self) -> str:
        return "Try --option engine=classic, or another backend that reads .onnx: onnxruntime, openvino."

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        return self._inputs, self._outputs

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        for spec, array in zip(self._inputs, arrays):
            self._net.setInput(array, spec["name"])

    def invoker(self) -> Callable[[], Any]:
        forward, names = self._net.forward, [spec["name"] for spec in self._outputs]

        def call() -> None:
            try:
                self._found = forward(names)
            except self._cv.error as error:  # what an engine cannot do shows only when it runs
                raise Refused("OpenCV cannot run the model: %s" % reason_of(str(error)), self._todo) from None

        return call

    def outputs(self) -> List[Any]:
        return [array.copy() for array in self._found]

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        return (lambda: self.set_inputs(self._arrays)), self.outputs

    def _engine_found(self) -> str:
        # The net does not tell. A node without a name is `onnx_node_output_0!TENSOR` in the classic engine.
        names = self._net.getLayerNames()
        return "classic" if any(name.startswith("onnx_node") for name in names) else "new"

    def placement(self) -> Json:
        layers = len(self._net.getLayerNames())
        return {
            "kind": "full",
            "delegate": "OpenCV CPU",
            "nodes": layers,
            "total": layers,
            "evidence": "the net was given DNN_BACKEND_OPENCV and DNN_TARGET_CPU, which nothing falls back from",
        }

    def settings(self) -> Dict[str, str]:
        return {
            "engine": self._engine_found(),
            "threads": str(self._cv.getNumThreads()),
            "cpu_features": str(getattr(self._cv, "getCPUFeaturesLine", str)()),
        }

    def profile(self, inferences: int) -> Json:
        from .measure import turn

        call = self.invoker()
        turn(call, WARM_UP_RUNS)
        layers = [(name, str(self._net.getLayer(name).type)) for name in self._net.getLayerNames()]
        samples: List[int] = []
        ticks = [0.0] * len(layers)
        for _ in range(inferences):
            samples += turn(call, 1)
            # Of the last inference only.
            found = [float(value) for value in self._net.getPerfProfile()[1].ravel()]
            if len(found) != len(layers):
                raise Refused("op profile unavailable: %d layers, %d times" % (len(layers), len(found)))
            ticks = [total + one for total, one in zip(ticks, found)]
        ns = 1e9 / self._cv.getTickFrequency()
        return {
            "source": "OpenCV getPerfProfile",
            "inferences": inferences,
            "samples_ns": samples,
            "total_ns": sum(samples),
            "rows": layer_rows(layers, [round(each * ns) for each in ticks], inferences, self._nodes),
            "notes": ["layers of OpenCV's graph; which ops it fused into a layer it does not tell"],
        }


def layer_rows(layers: List[Tuple[str, str]], times_ns: List[int], inferences: int, nodes: Set[str]) -> List[Json]:
    """Op rows of the layers that took time; one that took none was fused into another.

    layers: (name, type); nodes: names in the file, which layers are called by; OpenCV puts others in between.
    """
    rows: List[Json] = []
    for position, ((name, kind), time_ns) in enumerate(zip(layers, times_ns)):
        if not time_ns:
            continue
        plain = name[len(CLASSIC_PREFIX) :] if name.startswith(CLASSIC_PREFIX) else name
        rows.append(
            {
                "position": position,
                "op_type": kind,
                "name": plain,
                "time_ns": time_ns,
                "calls": inferences,
                "source_ops": [plain] if plain in nodes else [],
                "where": "OpenCV CPU",
            }
        )
    return rows


def reason_of(message: str) -> str:
    """OpenCV's message without the place in its sources: `(-210:...) Failed to parse ONNX model`."""
    text = " ".join(message.split())
    return text.partition(" error: ")[2] or text


ADAPTER = OpenCv
