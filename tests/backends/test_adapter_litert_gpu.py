"""LiteRT's GPU accelerator, for real: on a GPU where Vulkan finds one, else on SwiftShader, a GPU in software.

No time here is a GPU's where it is SwiftShader; the way there is the same.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.agent.adapter import Refused
from bench.backends.agent.litert_gpu import ops_left, refusal, require_library, shares
from bench.backends.client import AgentClient, InvocationFailed
from bench.devices.local import LocalDevice
from bench.records.stats.agreement import TOLERANCES

SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
SAID = """INFO: [delegate_webgpu.cc:363] Created a WebGPU environment.
ERROR: Following operations are not supported by GPU delegate:
ARG_MAX: Tensor type(INT64) is not supported. ArgMax
CEIL: Operation is not supported.
CEIL: Operation is not supported.
70 operations will run on the GPU, and the remaining 3 operations will run on the CPU.
I0000 00:00:1795451000.558672   26815 delegate_kernel.cc:984] Initializing WebGPU-based API from graph.
RuntimeError: something else""".splitlines()
# In ns, in a process of its own: the run call alone, that and the reading, and the reading after a whole sample.
SPLIT = """
import sys, time
import numpy as np
from bench.backends.agent.litert_gpu import LiteRtGpu

adapter = LiteRtGpu("gpu", 1, {})
adapter.version()
adapter.load(sys.argv[1], {}, "")
adapter.set_inputs([np.ones(spec["shape"], spec["dtype"]) for spec in adapter.tensors()[0]])
queue, call = adapter.queue(), adapter.invoker()
for _ in range(6):
    call()
    sampled = time.perf_counter_ns()
    adapter.outputs()
    begun = time.perf_counter_ns()
    queue()
    queued = time.perf_counter_ns()
    adapter.outputs()
    print("times", queued - begun, time.perf_counter_ns() - begun, begun - sampled, flush=True)
"""


@pytest.fixture(scope="module")
def vulkan() -> Iterator[None]:
    """Vulkan with a driver, or the test is skipped."""
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError:
        pytest.skip("needs Vulkan: apt-get install libvulkan1")
    with pytest.MonkeyPatch.context() as patch:
        if not list(Path("/usr/share/vulkan/icd.d").glob("*.json")) and "VK_ICD_FILENAMES" not in os.environ:
            if not SWIFTSHADER.exists():
                pytest.skip("needs a Vulkan driver, such as SwiftShader's: apt-get install chromium-common")
            patch.setenv("VK_ICD_FILENAMES", str(SWIFTSHADER))
        yield


@pytest.fixture(scope="module")
def gpu(vulkan: None, answers: Callable[..., Any], zoo_file: Callable[..., Path]) -> Callable[..., Any]:
    """gpu(model): one invocation on it; skips where LiteRT finds no GPU that it can use."""

    def ask(model: Path, **asked: Any) -> Any:
        return answers(model, "litert", accelerator="gpu", **asked)

    try:
        ask(zoo_file("paradox_1"))
    except InvocationFailed as failed:
        if "finds no GPU" not in failed.error.message:
            raise
        pytest.skip(f"no GPU that LiteRT takes: {failed.error.message}")
    return ask


@pytest.mark.parametrize("model", ["paradox_1", "paradox_7"])
def test_it_computes_what_the_cpu_computes_and_says_where(
    gpu: Callable[..., Any], answers: Callable[..., Any], zoo_file: Callable[..., Path], model: str
) -> None:
    found = gpu(zoo_file(model))
    (output,), (reference,) = found.outputs, answers(zoo_file(model), "litert").outputs
    assert reference.std() > 0
    assert output.shape == reference.shape
    assert np.abs(output - reference).max() / np.ptp(reference) <= TOLERANCES["fp32"]
    placement = found.finish["placement"]
    assert placement["kind"] == "full"
    assert placement["delegate"].startswith("WebGPU on ")
    settings = found.finish["settings"]
    assert ("in software" in placement["delegate"]) == ("CPU / Software" in settings["adapter"])
    assert settings["precision"] == "f32"
    assert "read into host memory" in found.hello["sync"]
    assert found.finish["io"]["input_copy_ns"] > 0
    assert found.finish["io"]["output_read_ns"] > 0


def test_the_run_call_alone_would_be_far_too_short_and_a_sample_is_not(
    gpu: Callable[..., Any], zoo_file: Callable[..., Path]
) -> None:
    """The call returns when a small part of the time is over; behind a sample, reading has nothing to wait for."""
    ran = subprocess.run(
        [sys.executable, "-c", SPLIT, zoo_file("paradox_7")], capture_output=True, text=True, check=True, timeout=120
    )
    times = [tuple(map(int, line.split()[1:])) for line in ran.stdout.splitlines() if line.startswith("times ")]
    assert len(times) == 6
    assert min(queued / whole for queued, whole, _ in times) < 0.5
    assert min(behind / whole for _, whole, behind in times) < 0.5


def test_the_outputs_are_those_of_the_inputs_set_last(
    gpu: Callable[..., Any], agent: str, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    raw = tmp_path / "in"
    with AgentClient(LocalDevice(), agent, 60.0, "gpu") as client:
        client.ask("hello", "hello", backend="litert", accelerator="gpu", threads=1, options={})
        client.ask("load", "load", model=str(zoo_file("paradox_1")), shapes={}, trace="")
        seen = []
        for value in (0.0, 1.0):
            np.full((1, 256, 256, 1), value, np.float32).tofile(raw)
            client.ask("inputs", "inputs", files=[str(raw)])
            client.ask("turn", "turn", n=1)
            client.ask("outputs", "outputs", folder=str(tmp_path))
            seen.append(np.fromfile(tmp_path / "output0.bin", np.float32))
        client.ask("quit", "quit")
    assert not np.array_equal(*seen)


def test_what_the_gpu_lacks_is_counted_and_runs_on_the_cpu(
    gpu: Callable[..., Any], answers: Callable[..., Any], zoo_file: Callable[..., Path],
    rewrite_tflite: Callable[..., Path], tmp_path: Path,
) -> None:  # fmt: skip
    from ai_edge_litert import schema_py_generated as schema

    def add_clamp(model: Any) -> None:
        graph = model.subgraphs[0]
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU_0_TO_1, 127
        code.version = 1
        model.operatorCodes.append(code)
        before = graph.operators[-1].outputs[0]
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = graph.tensors[before].shape, graph.tensors[before].type, b"clamped"
        tensor.buffer = 0
        graph.tensors.append(tensor)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = [before], [len(graph.tensors) - 1]
        graph.operators.append(operator)
        graph.outputs = [len(graph.tensors) - 1]
        model.signatureDefs = None

    path = rewrite_tflite(zoo_file("paradox_1"), tmp_path / "clamp.tflite", add_clamp)
    found = gpu(path)
    placement = found.finish["placement"]
    assert (placement["kind"], placement["nodes"], placement["total"]) == ("partial", 1, 2)
    assert "RELU_0_TO_1" in placement["evidence"]
    assert found.finish["settings"]["loading"].startswith("compiled twice")
    (output,), (reference,) = found.outputs, answers(path, "litert").outputs
    assert reference.std() > 0
    assert np.abs(output - reference).max() <= TOLERANCES["fp32"]


def test_what_it_cannot_prepare_is_refused_with_its_words(
    gpu: Callable[..., Any], original: Callable[[str], Path]
) -> None:
    with pytest.raises(InvocationFailed) as refused:
        gpu(original("mnv3_seg_quant.tflite"))
    assert "Node number 1 (CONV_2D) failed to prepare" in refused.value.error.message
    assert "--accelerator cpu" in refused.value.error.todo


def test_an_output_that_it_gives_no_access_to_is_refused(
    gpu: Callable[..., Any], original: Callable[[str], Path]
) -> None:
    with pytest.raises(InvocationFailed, match="no access to ArgMax, which is int64"):
        gpu(original("deeplab_aiseg_quant513.tflite"))


def test_it_has_no_op_profile_and_says_so(gpu: Callable[..., Any], zoo_file: Callable[..., Path]) -> None:
    with pytest.raises(InvocationFailed, match="op profile unavailable"):
        gpu(zoo_file("paradox_1"), profile=3)


def test_without_a_driver_it_says_what_is_missing(
    vulkan: None, agent: str, zoo_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nonexistent/icd.json")
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent/icd.json")
    with AgentClient(LocalDevice(), agent, 60.0, "gpu") as client:
        client.ask("hello", "hello", backend="litert", accelerator="gpu", threads=1, options={})
        with pytest.raises(InvocationFailed) as refused:
            client.ask("load", "load", model=str(zoo_file("paradox_1")), shapes={}, trace="")
    assert "finds no GPU here: Vulkan has no driver for one" in refused.value.error.message
    assert "vulkaninfo" in refused.value.error.todo
    assert "No adapters found" in refused.value.error.stderr_tail  # what was overheard still came through


def test_without_vulkan_it_says_how_to_get_it() -> None:
    with pytest.raises(Refused) as refused:
        require_library("libvulkan-that-is-not-there.so.1")
    assert "finds no Vulkan" in refused.value.message
    assert "libvulkan1" in refused.value.todo


def test_what_the_delegate_says_is_read() -> None:
    assert shares(SAID) == (70, 3)
    assert shares(SAID[:1]) is None
    assert ops_left(SAID) == [
        "ARG_MAX: Tensor type(INT64) is not supported. ArgMax",
        "CEIL: Operation is not supported.",
    ]
    assert ops_left(SAID[:1]) == []
    assert "No adapters" not in refusal(["ERROR: x: INTERNAL: No adapters found"]).message
    assert refusal(["a", "└ Failed to modify graph"]).message.endswith("a Failed to modify graph")
