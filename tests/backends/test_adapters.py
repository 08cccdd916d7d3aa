"""Every runtime for real: what it says of itself, its outputs, and its op rows against a second reading."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.registry import BACKENDS
from bench.records.stats.agreement import TOLERANCES

WAYS: dict[str, tuple[str, str, dict[str, str]]] = {
    "litert": ("litert", "tflite", {}),
    "litert builtin": ("litert", "tflite", {"kernels": "builtin"}),
    "litert reference": ("litert", "tflite", {"kernels": "reference"}),
    "onnxruntime": ("onnxruntime", "onnx", {}),
    "onnxruntime basic": ("onnxruntime", "onnx", {"optimization": "basic"}),
    "openvino tflite": ("openvino", "tflite", {}),
    "openvino onnx": ("openvino", "onnx", {}),
    "openvino auto": ("openvino", "tflite", {"accelerator": "auto"}),
}
DELEGATES = {
    "litert": "XNNPACK",
    "litert builtin": "builtin kernels",
    "litert reference": "reference kernels",
    "onnxruntime": "CPUExecutionProvider",
    "onnxruntime basic": "CPUExecutionProvider",
}
PROFILED = 12
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def way(answers: Ask, zoo_file: Callable[..., Path]) -> Ask:
    def ask(name: str, model: str, **more: Any) -> Any:
        backend, format, changes = WAYS[name]
        return answers(zoo_file(model, format), backend, **changes, **more)

    return ask


@pytest.mark.parametrize("name", WAYS)
def test_it_says_what_it_is_and_that_all_ran_where_it_was_asked_to(way: Ask, name: str) -> None:
    found = way(name, "paradox_7")
    package = {"litert": "ai-edge-litert"}.get(WAYS[name][0], WAYS[name][0])
    assert found.hello["runtime"] == WAYS[name][0]
    assert importlib.metadata.version(package).startswith(found.hello["version"])
    assert "blocking call" in found.hello["sync"]
    placement = found.finish["placement"]
    assert placement["kind"] == "full"
    assert placement["delegate"] == DELEGATES.get(name, "CPU")
    assert placement["evidence"]
    assert placement.get("nodes") == placement.get("total")
    assert found.finish["io"]["input_copy_ns"] > 0
    assert found.finish["io"]["output_read_ns"] > 0
    assert found.finish["peak"]["bytes"] >= found.finish["before_load"]["bytes"] > 10_000_000


@pytest.mark.parametrize("model", ["paradox_1", "paradox_7", "prisma"])
def test_all_runtimes_give_the_same_output(way: Ask, model: str) -> None:
    names = ["litert", "litert builtin", "onnxruntime", "openvino onnx"]
    if model == "paradox_7":
        names = list(WAYS)
    wanted, *others = (way(name, model).outputs for name in names)
    (reference,) = wanted
    assert np.isfinite(reference).all()
    assert reference.std() > 0
    for name, (output,) in zip(names[1:], others, strict=True):
        assert output.size == reference.size
        difference = np.abs(output.ravel() - reference.ravel()).max() / np.ptp(reference)
        assert difference <= TOLERANCES["fp32"], name


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("litert", {"threads": 2}, {"kernels": "xnnpack", "num_threads": "2"}),
        ("litert builtin", {}, {"kernels": "builtin", "num_threads": "1"}),
        ("litert reference", {}, {"kernels": "reference", "num_threads": "1"}),
        ("onnxruntime", {"threads": 2}, {"intra_op_num_threads": "2", "optimization": "all"}),
        ("onnxruntime basic", {}, {"optimization": "basic", "providers": "CPUExecutionProvider"}),
        ("openvino tflite", {"threads": 2}, {"INFERENCE_NUM_THREADS": "2", "NUM_STREAMS": "1", "device": "CPU"}),
        ("openvino auto", {}, {"device": "AUTO", "EXECUTION_DEVICES": "CPU"}),
    ],
)
def test_settings_are_those_that_were_asked_for(
    way: Ask, name: str, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    settings = way(name, "paradox_7", **changes).finish["settings"]
    assert settings.items() >= expected.items()


def test_openvino_computes_in_float32_unless_the_runtime_may_choose(way: Ask) -> None:
    """Reported by the compiled model, not by us: a CPU with bf16 instructions would choose bf16."""
    told = way("openvino tflite", "paradox_7").finish["settings"]["INFERENCE_PRECISION_HINT"]
    assert "float32" in told or told == "f32"
    free = way("openvino tflite", "paradox_7", precision="runtime").finish["settings"]["INFERENCE_PRECISION_HINT"]
    if "bf16" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else False:
        assert "bfloat16" in free or free == "bf16"


def test_every_option_value_of_the_registry_is_one_that_the_runtime_takes(
    answers: Ask, zoo_file: Callable[..., Path]
) -> None:
    # Those that need a GPU are tried on one: test_nvidia_gpu.py
    for row in (row for row in BACKENDS.values() if not row.native and row.installed() and "cpu" in row.accelerators):
        for key, option in row.options.items():
            for value in option.values:
                assert answers(zoo_file("paradox_7", row.formats[0]), row.name, **{key: value}).outputs


def total_and_rows(profile: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    assert profile["inferences"] == len(profile["samples_ns"])
    assert all(row["calls"] == profile["inferences"] for row in profile["rows"])
    assert profile["total_ns"] == sum(profile["samples_ns"])
    return profile["total_ns"], profile["rows"]


@pytest.mark.parametrize("name", ["litert", "litert builtin", "onnxruntime", "openvino tflite", "openvino onnx"])
def test_the_rows_of_prisma_explain_its_time(way: Ask, name: str) -> None:
    gaps: list[float] = []
    for attempt in range(3):  # on a busy machine others take their turns between two ops
        total, rows = total_and_rows(way(name, "prisma", profile=PROFILED + attempt).profile)
        gaps.append((total - sum(row["time_ns"] for row in rows)) / total)
        if abs(gaps[-1]) <= 0.10:
            break
    assert abs(gaps[-1]) <= 0.10, gaps
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    assert all(row["op_type"] and row["where"] for row in rows)


@pytest.mark.parametrize("name", ["litert", "litert builtin"])
def test_litert_gives_each_op_of_prismas_file_one_row_under_its_name(
    way: Ask, name: str, zoo_file: Callable[..., Path]
) -> None:
    """The file, read with the schema's own code, is the second reading."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(zoo_file("prisma").read_bytes()), 0)
    graph = model.subgraphs[0]
    names = [graph.tensors[operator.outputs[0]].name.decode() for operator in graph.operators]
    rows = way(name, "prisma", profile=PROFILED).profile["rows"]
    assert len(names) == 159
    assert [row["name"] for row in rows] == names
    assert {row["where"] for row in rows} == {"XNNPACK" if name == "litert" else "builtin kernels"}


def test_onnxruntime_gives_each_node_that_runs_one_row(way: Ask, zoo_file: Callable[..., Path], tmp_path: Path) -> None:
    """The optimised graph, written by the runtime into a file, is the second reading."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(zoo_file("prisma", "onnx"), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    rows = way("onnxruntime", "prisma", profile=PROFILED).profile["rows"]
    assert sorted(row["name"] for row in rows) == sorted(node.name for node in nodes)
    assert sorted(row["op_type"] for row in rows) == sorted(node.op_type for node in nodes)


def test_openvino_gives_each_op_that_runs_one_row(way: Ask, zoo_file: Callable[..., Path]) -> None:
    """The compiled graph's own listing is the second reading: what has an execution time there, ran."""
    import openvino

    core = openvino.Core()
    configuration = {
        "PERF_COUNT": True, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }  # fmt: skip
    compiled = core.compile_model(str(zoo_file("prisma")), "CPU", configuration)
    compiled.create_infer_request().infer()
    executed = [
        op.get_friendly_name()
        for op in compiled.get_runtime_model().get_ordered_ops()
        if str(op.get_rt_info()["execTimeMcs"].astype(str)) != "not_executed"
    ]
    rows = way("openvino tflite", "prisma", profile=PROFILED).profile["rows"]
    assert len(executed) > 50
    assert sorted(row["name"] for row in rows) == sorted(executed)


def test_what_fuses_ops_names_the_ops_of_the_file(way: Ask) -> None:
    rows = way("openvino onnx", "prisma", profile=PROFILED).profile["rows"]
    assert any(len(row["source_ops"]) > 1 for row in rows)


def test_litert_tells_which_nodes_xnnpack_left_behind(answers: Ask, original: Callable[[str], Path]) -> None:
    """Two ways to know: the interpreter's node list, and where the profiler saw each op run."""
    found = answers(original("prisma_quant.tflite"), "litert", profile=5)
    placement = found.finish["placement"]
    assert placement["kind"] == "partial"
    assert (placement["nodes"], placement["total"], placement["partitions"]) == (128, 158, 25)
    outside = [row for row in found.profile["rows"] if row["where"] != "XNNPACK"]
    assert len(outside) == 158 - 128


def test_litert_profiles_no_reference_kernels_and_says_so(zoo_file: Callable[..., Path], answers: Ask) -> None:
    from bench.backends.client import InvocationFailed

    with pytest.raises(InvocationFailed, match="op profile unavailable"):
        answers(zoo_file("paradox_1"), "litert", kernels="reference", profile=5)
