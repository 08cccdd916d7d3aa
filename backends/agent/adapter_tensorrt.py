"""TensorRT, or TensorRT for RTX, by its Python API: inputs and outputs stay on the GPU, copies are timed apart.

The engine is built once for a case and kept in its scratch folder; later invocations load it from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import Any, Callable, Dict, List, Tuple

from .adapter import Adapter, Json, Refused
from .cuda_driver import Cuda
from .tensorrt_build import Parsed, Plan, logger, package
from .tensorrt_engine import Lane, deserialized
from .tensorrt_layers import layer_rows, layers, placed, profiler

WARM_UP_RUNS = 3
COMPUTE_RUNS = 50
COMPUTE_NS = 200_000_000
FORMAT = 1


class TensorRt(Adapter):
    name = "tensorrt"
    sync = "CUDA event behind the engine's kernels, waited for by %s; inputs and outputs stay on the GPU"

    def version(self) -> str:
        self._trt = package(self.options.get("package", ""))
        self.name = str(self._trt.__name__)
        self._spin = self.options.get("spin_wait") == "true"
        self._cuda = Cuda(self._spin)
        self.sync = TensorRt.sync % ("polling" if self._spin else "a blocked thread")
        self._log = logger(self._trt)
        return str(self._trt.__version__)

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        self._facts: Json = {}
        self._lanes: List[Tuple[Lane, Callable[[], None]]] = []
        self._graph = self.options.get("cuda_graph") == "true" and not trace
        data = self._kept(path, shapes) or self._build(path, shapes)
        self._specs = self._facts["inputs"], self._facts["outputs"]
        if not data:
            return  # `tensors` tells which sizes are missing
        self._runtime, self._engine = deserialized(self._trt, self._log, data, self.options.get("dla", ""))
        lane, self._begin = self._lane()
        self._specs = lane.inputs, lane.outputs

    def _lane(self) -> Tuple[Lane, Callable[[], None]]:
        """One more context, and the call that gives it an inference to do."""
        lane = Lane(self._trt, self._log, self._cuda, self._engine, *self._specs)
        self._lanes.append((lane, lane.as_graph() if self._graph else lane.enqueue()))
        return self._lanes[-1]

    @property
    def _loaded(self) -> Lane:
        if not self._lanes:
            raise Refused("the engine is not built: an input has no fixed size")
        return self._lanes[0][0]

    def _kept(self, path: str, shapes: Dict[str, List[int]]) -> bytes:
        """The engine of an earlier invocation, of the same model, options, shapes, version, GPU and driver; else empty.

        Its facts are read, and `self._file` becomes where it stands or will stand; empty: it is not kept.
        """
        self._file = ""
        if not self.scratch:
            return b""
        with open(path, "rb") as stream:
            model = hashlib.sha256(stream.read()).hexdigest()
        version, gpu = self._trt.__version__, self._cuda.gpu()
        parts = [FORMAT, model, self.options, shapes, self.name, version, gpu, self._cuda.driver]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
        self._file = os.path.join(self.scratch, "tensorrt-%s.engine" % key)
        try:
            with open(self._file + ".json") as stream:
                facts = json.load(stream)
            with open(self._file, "rb") as stream:
                data = stream.read()
        except (OSError, ValueError):
            return b""
        if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
            return b""
        self._facts = dict(facts, kept=True)
        return data

    def _build(self, path: str, shapes: Dict[str, List[int]]) -> bytes:
        """The engine; empty where an input has no size yet."""
        parsed = Parsed(self._trt, self._log, path, shapes)
        self._facts = {"inputs": parsed.inputs, "outputs": parsed.outputs}
        if parsed.open:
            return b""
        plan = Plan(self._trt, parsed, self.options)
        data, seconds = plan.build(self._log)
        self._facts.update(
            sha256=hashlib.sha256(data).hexdigest(),
            seconds=seconds,
            told=plan.told,
            lacking=plan.lacking,
            dla=self._log.dla,
            gpu=self._log.gpu,
            placed=self._log.placed,
        )
        if self._file:
            _write(self._file, data)
            _write(self._file + ".json", json.dumps(self._facts).encode())
        return data

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        return self._specs

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        self._loaded.fill(arrays)
        self._loaded.copy_in()

    def invoker(self) -> Callable[[], Any]:
        begin, wait = self._begin, self._loaded.wait

        def infer() -> None:
            begin()
            wait()

        return infer

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        while len(self._lanes) < streams:
            lane, _ = self._lane()
            lane.fill(self._arrays)
            lane.copy_in()
        calls = [_in_a_thread(self._cuda, lane, begin) for lane, begin in self._lanes[:streams]]
        return calls, "one engine, an execution context and a CUDA stream for each; inputs and outputs stay on the GPU"

    def outputs(self) -> List[Any]:
        return self._loaded.outputs_here()

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        return self._loaded.copy_in, self._loaded.copy_out

    def placement(self) -> Json:
        count = len(layers(self._trt, self._engine))
        return placed(self._facts, self.options.get("dla", ""), self._cuda.gpu(), count)

    def settings(self) -> Dict[str, str]:
        from .measure import median

        facts = self._facts
        compute = self._compute_ns()
        lacking = {"not in this version": ", ".join(facts["lacking"])} if facts["lacking"] else {}
        return {
            "GPU": self._cuda.gpu(),
            "CUDA driver": self._cuda.driver_text,
            "precision": self._precision(),
            "build flags": ", ".join(facts["told"]),
            "engine": "kept from an earlier process of this case" if facts.get("kept") else "built by this process",
            "engine build": "%.1f s" % facts["seconds"],
            "engine sha256": facts["sha256"],
            "launch": "one CUDA graph" if self._graph else "enqueued layer by layer",
            "GPU compute median": "%.4f ms by CUDA events, of %d inferences behind the timed ones"
            % (median(compute) / 1e6, len(compute)),
            **lacking,
        }

    def _precision(self) -> str:
        if not hasattr(self._trt.BuilderFlag, "FP16"):  # since 11, and TensorRT for RTX
            return "the types in the file, without TF32"
        asked = self.options.get("precision", "fp32")
        return {"fp32": "FP32 without TF32", "best": "FP32, FP16, INT8"}.get(asked, "FP32, %s" % asked.upper())

    def _compute_ns(self) -> List[int]:
        """The GPU's own time of inferences: what lies between two of its events around the kernels."""
        cuda, stream = self._cuda, self._loaded.stream
        begun, ended = cuda.event(), cuda.event()
        found: List[int] = []
        while len(found) < WARM_UP_RUNS or (len(found) < COMPUTE_RUNS and sum(found) < COMPUTE_NS):
            cuda.record(begun, stream)
            self._begin()
            cuda.record(ended, stream)
            found.append(cuda.elapsed_ns(begun, ended))
        return found

    def profile(self, inferences: int) -> Json:
        from .measure import turn

        call = self.invoker()
        turn(call, WARM_UP_RUNS)
        times = profiler(self._trt)
        self._loaded.set_profiler(times)
        turn(call, 1)  # the first one with a profiler sets its events up
        del times.times[:]
        samples = turn(call, inferences)
        rows = layer_rows(times.times, layers(self._trt, self._engine), self._facts["dla"])
        if not rows:
            raise Refused("op profile unavailable: TensorRT reported no layer to its profiler")
        return {
            "source": "TensorRT's profiler (IProfiler)",
            "inferences": inferences,
            "samples_ns": samples,
            "total_ns": sum(samples),
            "rows": rows,
            "notes": ["layers of the built engine, timed by the GPU one after the other"],
        }


def _in_a_thread(cuda: Cuda, lane: Lane, begin: Callable[[], None]) -> Callable[[], Any]:
    """One inference of that lane, from any thread: a thread has to be given the GPU's context once."""
    wait, known = lane.wait, threading.local()

    def infer() -> None:
        if not hasattr(known, "entered"):
            cuda.enter_thread()
            known.entered = True
        begin()
        wait()

    return infer


def _write(path: str, data: bytes) -> None:
    with open(path + ".part", "wb") as stream:
        stream.write(data)
    os.replace(path + ".part", path)


ADAPTER = TensorRt
