"""OpenVINO with one stream in latency mode; op profile from the request's own counters."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from .adapter import Adapter, Json, Refused, shape_mismatch

DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "auto": "AUTO"}
REPORTED = (
    "INFERENCE_PRECISION_HINT",
    "NUM_STREAMS",
    "INFERENCE_NUM_THREADS",
    "PERFORMANCE_HINT",
    "EXECUTION_DEVICES",
    "ENABLE_CPU_PINNING",
    "RUNTIME_REQUIREMENTS",
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
        present = self._core.available_devices
        if self._device not in present and self._device != "AUTO":
            raise Refused("OpenVINO has no device for %s here; it has %s" % (self.accelerator, present))
        return str(openvino.__version__).split("-")[0]

    def _configuration(self, profiling: bool) -> Json:
        # One inference at a time is measured, so one stream; AUTO takes these for the device that it chooses.
        own: Json = (
            {"INFERENCE_NUM_THREADS": self.threads, "NUM_STREAMS": "1"} if self._device in ("CPU", "AUTO") else {}
        )
        if self.options.get("precision", "f32") == "f32":
            # Without this, a CPU with bf16 instructions runs an fp32 model in bf16.
            own["INFERENCE_PRECISION_HINT"] = self._ov.Type.f32
        configuration: Json = {"PERFORMANCE_HINT": "LATENCY", "PERF_COUNT": profiling}
        if self._device == "AUTO":
            configuration["DEVICE_PROPERTIES"] = {"CPU": own}
        else:
            configuration.update(own)
        return configuration

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        self._profiling, self._runs = bool(trace), 0  # runs: counted while profiling, for the counters' means
        try:
            model = self._core.read_model(path)
            self._reshape(model, shapes)
            self._compiled = self._core.compile_model(model, self._device, self._configuration(self._profiling))
            self._request = self._compiled.create_infer_request()
        except RuntimeError as error:
            raise Refused("OpenVINO refuses the model: %s" % reason_of(str(error))) from None

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
        # A tensor of the runtime's own, filled by copy: shared memory could be unaligned, which changes the time.
        for index, array in enumerate(arrays):
            self._request.set_input_tensor(index, self._ov.Tensor(array))

    def invoker(self) -> Callable[[], Any]:
        infer = self._request.infer
        if not self._profiling:
            return lambda: infer(share_outputs=True)

        def counted() -> None:
            self._runs += 1
            infer(share_outputs=True)

        return counted

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
        nodes = len(self._compiled.get_runtime_model().get_ops()) if self._device == "CPU" else None
        # AUTO names a device in brackets while it only stands in for one that still compiles.
        settled = [name for name in devices if not name.startswith("(")]
        placement: Json = {
            "delegate": ",".join(devices),
            "nodes": nodes,
            "total": nodes,
            "evidence": "EXECUTION_DEVICES of the compiled model: %s" % ",".join(devices),
        }
        if not settled:
            return dict(placement, kind="unknown", reason="only a stand-in device has run so far: %s" % devices)
        if self._device == "AUTO" or settled == [self._device]:
            return dict(placement, kind="full")
        return dict(placement, kind="partial" if self._device in settled else "none")

    def settings(self) -> Dict[str, str]:
        found: Dict[str, str] = {"device": self._device}
        for name in REPORTED:
            try:
                value = self._compiled.get_property(name)
            except RuntimeError:
                continue
            found[name] = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        return found

    def _source_ops(self) -> Dict[str, List[str]]:
        """Name in the compiled graph -> names in the model that were fused into it."""
        found: Dict[str, List[str]] = {}
        for op in self._compiled.get_runtime_model().get_ordered_ops():
            info = op.get_rt_info()
            if "originalLayersNames" in info:
                names = str(info["originalLayersNames"].astype(str)).split(",")
                found[op.get_friendly_name()] = [name for name in names if name]
        return found

    def _counters(self) -> Dict[Tuple[int, str], Json]:
        """(position, name) -> {type, exec_type, mean_ns} of the ops that have run."""
        found: Dict[Tuple[int, str], Json] = {}
        for position, info in enumerate(self._request.get_profiling_info()):
            if str(info.status).rsplit(".", 1)[-1] == "NOT_RUN":  # fused into another op, or folded
                continue
            seconds = info.real_time.days * 86_400 + info.real_time.seconds
            mean_ns = seconds * 1_000_000_000 + info.real_time.microseconds * 1000
            found[(position, info.node_name)] = {"type": info.node_type, "where": info.exec_type, "mean_ns": mean_ns}
        return found

    def profile(self, inferences: int) -> Json:
        from .measure import turn

        if self._execution_devices() != ["CPU"]:
            raise Refused("op profile unavailable: what the counters mean is known for OpenVINO's CPU device only")
        call = self.invoker()
        turn(call, WARM_UP_RUNS)
        before, runs_before = self._counters(), self._runs
        samples = turn(call, inferences)
        rows = counter_rows(before, runs_before, self._counters(), self._runs, self._source_ops())
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


def counter_rows(
    before: Dict[Tuple[int, str], Json],
    runs_before: int,
    after: Dict[Tuple[int, str], Json],
    runs_after: int,
    sources: Dict[str, List[str]],
) -> List[Json]:
    """Op rows of the runs between two readings of the CPU device's counters; times are sums over those runs.

    A counter is the mean over all runs since the model was compiled, the cold first one among them (openvino,
    src/plugins/intel_cpu/src/perf_count.h: total duration / number of runs), in whole microseconds: so the sum of the
    runs in between is the difference of mean times runs.
    """
    rows: List[Json] = []
    for key in sorted(after):
        counter = after[key]
        earlier_ns = before[key]["mean_ns"] * runs_before if key in before else 0
        rows.append(
            {
                "position": key[0],
                "op_type": counter["type"],
                "name": key[1],
                # Rounding can make an op that takes no time look as if it took less than none.
                "time_ns": max(counter["mean_ns"] * runs_after - earlier_ns, 0),
                "calls": runs_after - runs_before,
                "source_ops": sources.get(key[1], []),
                "where": counter["where"],
            }
        )
    return rows


def reason_of(message: str) -> str:
    """OpenVINO's message without the places in its own sources that it begins and wraps the reason with."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not line.startswith("Exception from ")]
    return " ".join(kept) or message.strip()


ADAPTER = OpenVino
