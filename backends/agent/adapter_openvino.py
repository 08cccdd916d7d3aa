"""OpenVINO on one device, or spread over several by AUTO and HETERO; op profile from the request's own counters."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any, Callable, Dict, List, Tuple

from .adapter import Adapter, Json, Refused, shape_mismatch
from .openvino_counters import counter_rows, counters, primitives, source_ops
from .openvino_devices import belongs, reason_of, spread_over, wanted_devices

DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "auto": "AUTO", "hetero": "HETERO"}
REPORTED = (
    "INFERENCE_PRECISION_HINT",
    "NUM_STREAMS",
    "INFERENCE_NUM_THREADS",
    "PERFORMANCE_HINT",
    "EXECUTION_DEVICES",
    "ENABLE_CPU_PINNING",
    "RUNTIME_REQUIREMENTS",
    "HETERO_NUMBER_OF_SUBMODELS",
)
WARM_UP_RUNS = 3


class OpenVino(Adapter):
    name = "openvino"
    sync = "blocking call: InferRequest.infer(share_outputs=True), no copy of the outputs; input tensors set beforehand"

    def version(self) -> str:
        try:
            import openvino
        except ImportError as error:
            raise Refused("OpenVINO cannot be imported: %s" % error, "pip install openvino") from None
        self._ov = openvino
        self._core = openvino.Core()
        self._device = DEVICES.get(self.accelerator, "")
        self._spread = wanted_devices(self._device, self.options.get("hetero", ""), list(self._core.available_devices))
        return str(openvino.__version__).split("-")[0]

    @property
    def _hint(self) -> str:
        return self.options.get("hint") or "latency"

    def _own(self, device: str) -> Json:
        """The settings of one device."""
        own: Json = {}
        if self._hint != "none":
            own["PERFORMANCE_HINT"] = self._hint.upper()
        if self.options.get("streams"):
            own["NUM_STREAMS"] = self.options["streams"]
        elif self._hint == "latency" and device == "CPU":
            own["NUM_STREAMS"] = "1"  # one inference at a time is measured
        if device == "CPU":
            # OpenVINO's number is that of all streams, and it makes no more streams than it has threads.
            own["INFERENCE_NUM_THREADS"] = self.threads * int(self.options.get("streams") or 1)
        # Without this, a CPU with bf16 instructions runs an fp32 model in bf16, and a GPU in fp16. An NPU has no fp32.
        if self.options.get("precision", "f32") == "f32" and not device.startswith("NPU"):
            own["INFERENCE_PRECISION_HINT"] = self._ov.Type.f32
        return own

    def _configuration(self) -> Json:
        if self._device not in ("AUTO", "HETERO"):
            configuration = self._own(self._device)
        else:
            configuration = {"DEVICE_PROPERTIES": {name: self._own(name) for name in self._spread}}
            if self._device == "AUTO" and self._hint != "none":
                configuration["PERFORMANCE_HINT"] = self._hint.upper()  # HETERO has none of its own
        configuration["PERF_COUNT"] = self._profiling
        if self.options.get("model_cache") == "on":
            if not self.scratch:
                raise Refused("model_cache=on: the device has no folder for it", "Leave model_cache out.")
            configuration["CACHE_DIR"] = os.path.join(self.scratch, "openvino-cache")
        return configuration

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        self._profiling, self._runs = bool(trace), 0  # runs: counted while profiling, for the counters' means
        clock = time.perf_counter_ns
        try:
            begun = clock()
            self._model = self._core.read_model(path)
            self._reshape(self._model, shapes)
            read = clock()
            self._compiled = self._core.compile_model(self._model, self._target, self._configuration())
            self._took = {"read_ms": (read - begun) / 1e6, "compile_ms": (clock() - read) / 1e6}
            self._request = self._compiled.create_infer_request()
        except RuntimeError as error:
            raise Refused("OpenVINO refuses the model: %s" % reason_of(str(error))) from None
        self._loads = self._remember() if self.options.get("model_cache") == "on" else []

    @property
    def _target(self) -> str:
        return "HETERO:" + ",".join(self._spread) if self._device == "HETERO" else self._device

    def _remember(self) -> List[str]:
        """What each invocation of this case did so far, this one last; those that profile do not count."""
        path = os.path.join(self.scratch, "openvino-loads")
        with open(path, "a+") as stream:
            if not self._profiling:
                stream.write("%s\n" % ("loaded" if self._compiled.get_property("LOADED_FROM_CACHE") else "compiled"))
            stream.seek(0)
            return stream.read().split()

    def _reshape(self, model: Any, shapes: Dict[str, List[int]]) -> None:
        wanted = {}
        for port in model.inputs:
            shape = shapes.get(self._name(port))
            if shape is not None:
                if len(shape) != port.get_partial_shape().rank.get_length():
                    raise shape_mismatch(
                        self._name(port),
                        shape,
                        [d.get_length() if d.is_static else -1 for d in port.get_partial_shape()],
                    )
                wanted[port] = self._ov.PartialShape(shape)
        if wanted:
            model.reshape(wanted)

    @staticmethod
    def _name(port: Any) -> str:
        return str(port.get_any_name()) if port.get_names() else str(port.get_node().get_friendly_name())

    def _spec(self, port: Any) -> Json:
        return {
            "name": self._name(port),
            "dtype": port.get_element_type().to_dtype().name,
            "shape": [dimension.get_length() if dimension.is_static else -1 for dimension in port.get_partial_shape()],
        }

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        return [self._spec(port) for port in self._compiled.inputs], [self._spec(p) for p in self._compiled.outputs]

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        self._fill(self._request)

    def _fill(self, request: Any) -> None:
        # A tensor of the runtime's own, filled by copy: shared memory could be unaligned, which changes the time.
        for index, array in enumerate(self._arrays):
            request.set_input_tensor(index, self._ov.Tensor(array))

    def invoker(self) -> Callable[[], Any]:
        infer = self._request.infer
        if not self._profiling:
            return lambda: infer(share_outputs=True)

        def counted() -> None:
            self._runs += 1
            infer(share_outputs=True)

        return counted

    def streams(self) -> int:
        if self.options.get("streams") or self._hint != "throughput":
            return super().streams()
        return int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        requests = [self._request, *(self._compiled.create_infer_request() for _ in range(streams - 1))]
        for request in requests[1:]:
            self._fill(request)
        told = self.settings().get("NUM_STREAMS", "does not tell how many")
        how = "one compiled model with an infer request for each stream; OpenVINO's own streams: %s" % told
        return [partial(request.infer, share_outputs=True) for request in requests], how

    def outputs(self) -> List[Any]:
        return [self._request.get_output_tensor(i).data.copy() for i in range(len(self._compiled.outputs))]

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        def copy_in() -> None:
            for index, array in enumerate(self._arrays):
                self._request.get_input_tensor(index).data[...] = array

        return copy_in, self.outputs

    def _execution_devices(self) -> List[str]:
        found = self._compiled.get_property("EXECUTION_DEVICES")
        return [str(name) for name in ([found] if isinstance(found, str) else found)]

    def placement(self) -> Json:
        devices = self._execution_devices()
        # AUTO names a device in brackets while it only stands in for one that still compiles.
        settled = [name for name in devices if not name.startswith("(")]
        evidence = "EXECUTION_DEVICES of the compiled model: %s" % ",".join(devices)
        if not settled:
            reason = "only a stand-in device has run so far: %s" % devices
            return {"kind": "unknown", "delegate": ",".join(devices), "evidence": evidence, "reason": reason}
        if self._device == "HETERO":
            return spread_over(self._spread[0], self._assigned(), self._submodels(), evidence)
        nodes = len(self._compiled.get_runtime_model().get_ops()) if self._device == "CPU" else None
        placement: Json = {"delegate": ",".join(devices), "nodes": nodes, "total": nodes, "evidence": evidence}
        if self._device == "AUTO" or all(belongs(name, self._device) for name in settled):
            return dict(placement, kind="full")
        return dict(placement, kind="partial" if any(belongs(name, self._device) for name in settled) else "none")

    def _assigned(self) -> Dict[str, int]:
        """Device -> how many of the model's ops HETERO gave it, asked again since the compiled model does not tell."""
        found: Dict[str, int] = {}
        for device in self._core.query_model(self._model, self._target, self._configuration()).values():
            found[device] = found.get(device, 0) + 1
        return found

    def _submodels(self) -> int:
        return int(self._compiled.get_property("HETERO_NUMBER_OF_SUBMODELS"))

    def settings(self) -> Dict[str, str]:
        found: Dict[str, str] = {"device": self._target}
        for name in REPORTED:
            try:
                value = self._compiled.get_property(name)
            except RuntimeError:
                continue
            found[name] = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        if self._device in ("AUTO", "HETERO"):
            for device, values in self._compiled.get_property("DEVICE_PROPERTIES").items():
                found.update({"%s %s" % (device, name): str(values[name]) for name in REPORTED if name in values})
        if self._execution_devices() == ["CPU"]:
            kernels = sorted(primitives(self._compiled).items())
            found["kernels"] = ", ".join("%s %d" % kernel for kernel in kernels)
        found.update({name: "%.1f" % took for name, took in self._took.items()})
        if self._loads:
            found["model_cache"] = "invocations: %s" % ", ".join(self._loads)
        return found

    def profile(self, inferences: int) -> Json:
        from .measure import turn

        if self._execution_devices() != ["CPU"]:
            raise Refused("op profile unavailable: what the counters mean is known for OpenVINO's CPU device only")
        call = self.invoker()
        turn(call, WARM_UP_RUNS)
        before, runs_before = counters(self._request), self._runs
        samples = turn(call, inferences)
        rows = counter_rows(before, runs_before, counters(self._request), self._runs, source_ops(self._compiled))
        if not rows:
            raise Refused("op profile unavailable: OpenVINO gave no counters for %s" % self._device)
        return {
            "source": "openvino performance counters",
            "inferences": inferences,
            "samples_ns": samples,
            "total_ns": sum(samples),
            "rows": rows,
            "notes": ["ops of the compiled graph, with the model's ops that were fused into them; whole microseconds"],
        }


ADAPTER = OpenVino
