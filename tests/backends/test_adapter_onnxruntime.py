"""ONNX Runtime's GPU providers where there is no GPU: the refusal is real, the choice is tried with a list of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.backends.agent.adapter import Refused
from bench.backends.agent.adapter_onnxruntime import memory, providers
from bench.backends.client import InvocationFailed

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
ALL = [TENSORRT, CUDA, CPU]


@pytest.mark.parametrize(("option", "name"), [("", CUDA), ("cuda", CUDA), ("tensorrt", TENSORRT)])
def test_a_provider_that_this_build_lacks_is_refused_with_those_that_it_has(
    answers: Callable[..., Any], zoo_file: Callable[..., Path], option: str, name: str
) -> None:
    import onnxruntime

    present = onnxruntime.get_available_providers()
    if name in present:
        pytest.skip(f"this ONNX Runtime has {name}")
    with pytest.raises(InvocationFailed) as refused:
        answers(zoo_file("paradox_1", "onnx"), "onnxruntime", accelerator="gpu", provider=option)
    assert refused.value.error.message == f"this ONNX Runtime has no {name}; it has {', '.join(present)}"
    assert "onnxruntime-gpu" in refused.value.error.todo


@pytest.mark.parametrize(
    ("accelerator", "options", "available", "wanted"),
    [
        ("cpu", {}, ALL, [CPU]),
        ("gpu", {}, ALL, [CUDA, CPU]),
        ("gpu", {"provider": "cuda"}, [CUDA, CPU], [CUDA, CPU]),
        ("gpu", {"provider": "tensorrt"}, ALL, [TENSORRT, CUDA, CPU]),
        ("gpu", {"provider": "tensorrt"}, [TENSORRT, CPU], [TENSORRT, CPU]),
    ],
)
def test_the_wanted_provider_comes_first_and_the_others_take_what_it_leaves(
    accelerator: str, options: dict[str, str], available: list[str], wanted: list[str]
) -> None:
    assert providers(accelerator, options, available) == wanted


def test_cuda_does_not_stand_in_for_tensorrt() -> None:
    with pytest.raises(Refused, match=f"no {TENSORRT}; it has {CUDA}, {CPU}"):
        providers("gpu", {"provider": "tensorrt"}, [CUDA, CPU])


@pytest.mark.parametrize(
    ("accelerator", "active", "where"),
    [("cpu", [CPU], "cpu"), ("gpu", [CUDA, CPU], "cuda"), ("gpu", [CPU], "cpu"), ("cpu", [CUDA, CPU], "cpu")],
)
def test_inputs_and_outputs_lie_on_the_gpu_where_its_provider_is_at_work(
    accelerator: str, active: list[str], where: str
) -> None:
    """A session that fell back in silence has no memory of the GPU: it must get as far as telling so."""
    assert memory(accelerator, CUDA if accelerator == "gpu" else CPU, active) == where
