"""ONNX Runtime with outputs and inputs bound where it computes; op profile from its own trace."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any, Callable, Dict, List, Tuple

from .adapter import Adapter, Json, Refused, shape_mismatch

GPU_PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
CPU_PROVIDER = "CPUExecutionProvider"
HOST, GPU = "cpu", "cuda"
# What a GPU's provider reports that decides what is computed, and how
REPORTED = ("use_tf32", "cudnn_conv_algo_search", "enable_cuda_graph", "trt_fp16_enable", "trt_int8_enable")
INSTALL_GPU = (
    "The GPU build has it: pip install onnxruntime-gpu (in the place of onnxruntime), with the CUDA, cuDNN and "
    "TensorRT that its release names. `bench run --accelerator cpu` needs none."
)
LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
DTYPES = {"float": "float32", "double": "float64", "float16": "float16"}
LAUNCHES = "ops on the GPU: the trace has the time that the host takes to launch them, not their work"
KERNEL_SUFFIX = "_kernel_time"
WARM_UP_RUNS = 3


class OnnxRuntime(Adapter):
    name = "onnxruntime"
    sync = "blocking call: run_with_iobinding() with inputs, and outputs of fixed shape, bound to %s memory beforehand"

    def version(self) -> str:
        try:
            import onnxruntime
        except ImportError as error:
            raise Refused("ONNX Runtime cannot be imported: %s" % error, "pip install onnxruntime") from None
        self._ort = onnxruntime
        self._providers = providers(self.accelerator, self.options, list(onnxruntime.get_available_providers()))
        self._provider = self._providers[0]
        if self.accelerator == "gpu" and hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # CUDA and cuDNN that came by pip
        self.sync = OnnxRuntime.sync % ("the host's" if self.accelerator == "cpu" else "the GPU's")
        return str(onnxruntime.__version__)

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(
            self._ort.GraphOptimizationLevel, LEVELS[self.options.get("optimization", "all")]
        )
        # Asks the session to remember which provider took which node: costs at load, nothing at run.
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if trace:
            options.enable_profiling = True
            options.profile_file_prefix = os.path.join(trace, "onnxruntime")
        try:
            self._session = self._ort.InferenceSession(path, options, providers=self._providers)
        except Exception as error:  # the runtime raises its own classes, which share only Exception
            raise Refused("ONNX Runtime refuses the model: %s" % error) from None
        self._memory = memory(self.accelerator, self._provider, list(self._session.get_providers()))
        self._shapes = shapes
        self._inputs = [self._spec(node) for node in self._session.get_inputs()]
        self._outputs = [self._spec(node) for node in self._session.get_outputs()]

    def _spec(self, node: Any) -> Json:
        kind = node.type[len("tensor(") : -1] if node.type.startswith("tensor(") else node.type
        shape = [size if isinstance(size, int) else -1 for size in node.shape]
        wanted = self._shapes.get(node.name)
        if wanted is not None:
            if len(wanted) != len(shape) or any(size not in (-1, ask) for size, ask in zip(shape, wanted)):
                raise shape_mismatch(node.name, wanted, shape)
            shape = list(wanted)
        return {"name": node.name, "dtype": DTYPES.get(kind, kind), "shape": shape}

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        return self._inputs, self._outputs

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        self._binding, self._values = self._bound()

    def _bound(self) -> Tuple[Any, List[Any]]:
        """Memory for inputs, filled, and outputs of one inference; and the inputs."""
        import numpy as np

        binding = self._session.io_binding()
        values = [self._ort.OrtValue.ortvalue_from_numpy(array, self._memory) for array in self._arrays]
        for spec, value in zip(self._inputs, values):
            binding.bind_ortvalue_input(spec["name"], value)
        for spec in self._outputs:
            if min(spec["shape"], default=1) < 0:
                # Its size is known only once it has run: the runtime makes room for it.
                binding.bind_output(spec["name"], self._memory)
            else:
                dtype = np.dtype(spec["dtype"])
                room = self._ort.OrtValue.ortvalue_from_shape_and_type(spec["shape"], dtype, self._memory)
                binding.bind_ortvalue_output(spec["name"], room)
        return binding, values

    def invoker(self) -> Callable[[], Any]:
        return self._run(self._binding)

    def _run(self, binding: Any) -> Callable[[], Any]:
        run = self._session.run_with_iobinding
        if self._memory == HOST:
            return partial(run, binding)

        def run_on_gpu() -> None:
            run(binding)
            binding.synchronize_outputs()

        return run_on_gpu

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        self._others = [self._bound() for _ in range(streams - 1)]  # kept, since their inputs are in their values
        bindings = [self._binding, *(binding for binding, _ in self._others)]
        more = " and in %d threads that all share" % (self.threads - 1) if self.threads > 1 else ""
        how = "one session, a binding for each stream, which computes in a thread of its own%s" % more
        return [self._run(binding) for binding in bindings], how

    def outputs(self) -> List[Any]:
        return [value.numpy().copy() for value in self._binding.get_outputs()]

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        def copy_in() -> None:
            for value, array in zip(self._values, self._arrays):
                value.update_inplace(array)

        return copy_in, self.outputs

    def placement(self) -> Json:
        try:
            subgraphs = self._session.get_provider_graph_assignment_info()
        except Exception as error:
            return {"kind": "unknown", "reason": "this ONNX Runtime does not tell who took which node: %s" % error}
        counts: Dict[str, int] = {}
        for subgraph in subgraphs:
            nodes = subgraph.get_nodes() if hasattr(subgraph, "get_nodes") else subgraph.nodes
            counts[subgraph.ep_name] = counts.get(subgraph.ep_name, 0) + len(nodes)
        total = sum(counts.values())
        taken = counts.get(self._provider, 0)
        evidence = "the session's graph assignment: %s" % ", ".join("%s %d" % item for item in sorted(counts.items()))
        if not total:
            return {"kind": "unknown", "reason": "the session's graph assignment is empty"}
        return {
            "kind": "full" if taken == total else "partial" if taken else "none",
            "delegate": self._provider,
            "nodes": taken,
            "total": total,
            "partitions": None,
            "evidence": evidence,
        }

    def settings(self) -> Dict[str, str]:
        told = self._session.get_provider_options().get(self._provider, {})
        return {
            **{name: str(told[name]) for name in REPORTED if name in told},
            "providers": ",".join(self._session.get_providers()),
            "intra_op_num_threads": str(self.threads),
            "optimization": self.options.get("optimization", "all"),
        }

    def profile(self, inferences: int) -> Json:
        from .measure import turn

        call = self.invoker()
        turn(call, WARM_UP_RUNS)
        samples = turn(call, inferences)
        path = self._session.end_profiling()
        with open(path) as stream:
            events = json.load(stream)
        os.unlink(path)
        return {
            "source": "onnxruntime trace",
            "inferences": inferences,
            "samples_ns": samples,
            "total_ns": sum(samples),
            "rows": trace_rows(events, inferences),
            "notes": ["ops of the optimised graph; whole microseconds", *([LAUNCHES] if self._memory == GPU else [])],
        }


def providers(accelerator: str, options: Dict[str, str], available: List[str]) -> List[str]:
    """The execution providers to ask for, the wanted one first, then who takes what that leaves.

    Raises Refused where this build has no such provider. That it has one does not say that its libraries or a GPU are
    there: a session that cannot use it falls back in silence, which `placement` finds out.
    """
    if accelerator == "cpu":
        return [CPU_PROVIDER]
    wanted = GPU_PROVIDERS[options.get("provider") or "cuda"]
    if wanted not in available:
        raise Refused("this ONNX Runtime has no %s; it has %s" % (wanted, ", ".join(available)), INSTALL_GPU)
    # TensorRT leaves to CUDA what it does not take, and CUDA to the CPU.
    behind = [name for name in (GPU_PROVIDERS["cuda"], CPU_PROVIDER) if name in available and name != wanted]
    return [wanted, *behind]


def memory(accelerator: str, provider: str, active: List[str]) -> str:
    """Where inputs and outputs are bound: on the GPU where its provider is at work, so that copies are timed apart."""
    return GPU if accelerator == "gpu" and provider in active else HOST


def trace_rows(events: List[Json], inferences: int) -> List[Json]:
    """Op rows of the last `inferences` runs of a trace (Chrome trace events; a node's event ends before its run's).

    Times are sums over those runs.
    """
    runs: List[List[Json]] = []
    nodes: List[Json] = []
    for event in sorted(events, key=lambda e: int(e.get("ts", 0)) + int(e.get("dur", 0))):
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith(KERNEL_SUFFIX):
            nodes.append(event)
        elif event.get("cat") == "Session" and event.get("name") == "model_run":
            runs.append(nodes)
            nodes = []
    if len(runs) < inferences:
        raise Refused("op profile unavailable: the trace has %d runs, %d were made" % (len(runs), inferences))
    rows: Dict[Tuple[int, str], Json] = {}
    for run in runs[-inferences:]:
        for position, event in enumerate(sorted(run, key=lambda e: int(e["ts"]))):
            args = event.get("args", {})
            name = str(event["name"])[: -len(KERNEL_SUFFIX)]
            row = rows.setdefault(
                (position, name),
                {
                    "position": position,
                    "op_type": args.get("op_name", "?"),
                    "name": name,
                    "time_ns": 0,
                    "calls": 0,
                    "source_ops": [name] if name else [],
                    "where": args.get("provider", ""),
                },
            )
            row["time_ns"] += int(event["dur"]) * 1000
            row["calls"] += 1
    return [rows[key] for key in sorted(rows)]


ADAPTER = OnnxRuntime
