"""On a computer with an NVIDIA GPU: TensorRT's Python API and ONNX Runtime's CUDA and TensorRT providers, end to end.

`pytest tests/backends -k gpu` runs what the machine has; the rest is skipped, each with what it lacks."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.backends.agent.adapter import Refused
from bench.backends.agent.cuda_driver import Cuda
from bench.records.types import Record

MODELS = ("paradox_7", "prisma")
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def cuda() -> Cuda:
    try:
        return Cuda()
    except Refused as refused:
        pytest.skip(refused.message)


@pytest.fixture(scope="module")
def tensorrt(cuda: Cuda) -> str:
    """The package that there is."""
    for name in ("tensorrt", "tensorrt_rtx"):
        if importlib.util.find_spec(name) is not None:
            return name
    pytest.skip("neither tensorrt nor tensorrt_rtx is installed")


@pytest.fixture(scope="module")
def provider(cuda: Cuda) -> Callable[[str], None]:
    """provider(name): skips where this ONNX Runtime is built without it."""
    import onnxruntime

    def need(name: str) -> None:
        if name not in onnxruntime.get_available_providers():
            pytest.skip(f"this ONNX Runtime has no {name}: pip install onnxruntime-gpu")

    return need


@pytest.fixture(scope="module")
def on_cpu(answers: Ask, zoo_file: Callable[..., Path]) -> Callable[[str], list[np.ndarray[Any, Any]]]:
    return lambda name: list(answers(zoo_file(name, "onnx"), "onnxruntime").outputs)


def must_agree(found: list[np.ndarray[Any, Any]], wanted: list[np.ndarray[Any, Any]], share: float = 1e-3) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        scale = float(np.abs(other).max()) or 1.0
        assert float(np.abs(one.astype(np.float64) - other).max()) <= share * scale


def test_the_gpus_memory_gives_back_what_was_put_there(cuda: Cuda) -> None:
    given = np.random.default_rng(1).random(1 << 20, dtype=np.float32)
    there, back = cuda.pinned(given.nbytes), cuda.pinned(given.nbytes)
    ctypes.memmove(there, given.ctypes.data, given.nbytes)
    address, stream = cuda.allocate(given.nbytes), cuda.stream()
    begun, ended = cuda.event(), cuda.event()
    cuda.record(begun, stream)
    cuda.copy_in(address, there, stream)
    cuda.copy_out(back, address, stream)
    cuda.record(ended, stream)
    assert cuda.elapsed_ns(begun, ended) > 0
    np.testing.assert_array_equal(np.frombuffer(back, np.float32), given)


@pytest.mark.parametrize("name", MODELS)
def test_tensorrt_computes_the_same_on_the_gpu(
    tensorrt: str, answers: Ask, zoo_file: Callable[..., Path], on_cpu: Callable[[str], Any], name: str
) -> None:
    told = answers(zoo_file(name, "onnx"), "tensorrt", accelerator="gpu", package=tensorrt)
    must_agree(told.outputs, on_cpu(name))
    assert told.finish["placement"]["kind"] == "full"
    assert told.finish["placement"]["nodes"] > 0
    assert told.finish["settings"]["GPU compute median"]
    assert min(told.finish["io"].values()) > 0


@pytest.mark.parametrize("options", [{"cuda_graph": "true"}, {"spin_wait": "true"}])
def test_tensorrt_computes_the_same_with_its_options_on_the_gpu(
    tensorrt: str, answers: Ask, zoo_file: Callable[..., Path], on_cpu: Callable[[str], Any], options: dict[str, str]
) -> None:
    told = answers(zoo_file("prisma", "onnx"), "tensorrt", accelerator="gpu", package=tensorrt, **options)
    must_agree(told.outputs, on_cpu("prisma"))


def test_tensorrt_times_its_layers_on_the_gpu(tensorrt: str, answers: Ask, zoo_file: Callable[..., Path]) -> None:
    profile = answers(zoo_file("prisma", "onnx"), "tensorrt", accelerator="gpu", profile=20, package=tensorrt).profile
    rows = profile["rows"]
    assert sum(row["time_ns"] for row in rows) > 0
    assert any(row["source_ops"] for row in rows)
    assert all(row["calls"] % profile["inferences"] == 0 for row in rows)


@pytest.mark.parametrize(
    ("option", "name"), [("cuda", "CUDAExecutionProvider"), ("tensorrt", "TensorrtExecutionProvider")]
)
@pytest.mark.parametrize("model", MODELS)
def test_onnxruntime_computes_the_same_on_the_gpu(
    provider: Callable[[str], None],
    answers: Ask,
    zoo_file: Callable[..., Path],
    on_cpu: Callable[[str], Any],
    option: str,
    name: str,
    model: str,
) -> None:
    provider(name)
    told = answers(zoo_file(model, "onnx"), "onnxruntime", accelerator="gpu", provider=option)
    if told.finish["placement"]["kind"] == "none":
        pytest.skip(f"{name} is built in and cannot be used: {told.finish['placement']['evidence']}")
    assert "the GPU's memory" in told.hello["sync"]
    must_agree(told.outputs, on_cpu(model), 5e-3)  # TF32 unless its provider is told otherwise
    assert min(told.finish["io"].values()) > 0


def test_a_run_on_the_gpu_is_measured_end_to_end(tensorrt: str, tmp_path: Path) -> None:
    backends = ["-b", "tensorrt", "-b", "onnxruntime"]
    if shutil.which("trtexec"):
        backends += ["-b", "trtexec"]
    argv = [sys.executable, "-m", "bench", "run", *backends, "-a", "gpu", "--model", "paradox_7", "--time", "2"]
    subprocess.run([*argv, "--results", str(tmp_path), "--option", "streams=2"], cwd=tmp_path, check=False)
    records = [
        msgspec.json.decode(path.read_bytes(), type=Record)
        for path in tmp_path.rglob("*.json")
        if b'"invocations"' in path.read_bytes()
    ]
    (found,) = (record for record in records if record.case.backend == "tensorrt")
    assert found.error is None
    assert found.measured
    assert found.agreement is not None
    assert found.profile is not None
    assert found.profile.rows
    assert all(invocation.throughput is not None for invocation in found.invocations)
