"""Our own pytest plugin on our own models: no times, which a loaded machine would make red."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.pytest_case import Measured


@pytest.mark.parametrize("backend", ["litert", "onnxruntime", "openvino"])
def test_a_model_of_the_zoo_runs_whole_and_right(quick_case: Callable[..., Measured], backend: str) -> None:
    case = quick_case("paradox_3", backend=backend)
    case.check(placement="full", agreement=True, artifact_mb=0.01)
    assert 0 < case.median_ns <= max(case.record.invocations[0].samples_ns)
