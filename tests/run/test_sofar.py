"""What an invocation adds to a case, and when it is no number of the accelerator."""

from __future__ import annotations

import pytest

from bench.backends.client import InvocationFailed
from bench.backends.job import Measured
from bench.base.findings import Finding
from bench.devices.local import LocalDevice
from bench.records.types import Case, Invocation, Memory, Placement, PlacementKind, Summary, Tool
from bench.run.sofar import SoFar, refuse_fallback, take

TOOL = Tool(runtime="benchmark_model", version="1", agent_sha256="", python="", sync="")
ONE = Invocation(
    started="", spawn_ns=None, load_ns=1, first_inference_ns=1, warmup=None, turns=(), memory=Memory(),
    summary=Summary(count=3, mean_ns=2_000_000.0, median_ns=1_500_000.0),
)  # fmt: skip


def case(accelerator: str) -> Case:
    return Case(
        device="phone", backend="benchmark_model", accelerator=accelerator, model="m", variant="fp32", era="2019",
        format="tflite", threads=1,
    )  # fmt: skip


def test_what_ran_on_the_cpu_is_no_number_of_the_gpu() -> None:
    placement = Placement(kind="none", reason="Created 0 GPU delegate kernels")
    with pytest.raises(InvocationFailed) as caught:
        refuse_fallback(case("gpu"), placement, ONE)
    error = caught.value.error
    assert error.kind == "fell back"
    assert "it took 1.5 ms" in error.message
    assert "Created 0 GPU delegate kernels" in error.message


@pytest.mark.parametrize(
    ("accelerator", "kind"), [("cpu", "none"), ("gpu", "partial"), ("gpu", "full"), ("gpu", "unknown")]
)
def test_everything_else_stands_with_its_placement(accelerator: str, kind: PlacementKind) -> None:
    refuse_fallback(case(accelerator), Placement(kind=kind), ONE)


def test_findings_and_reasons_of_invocations_are_kept_once() -> None:
    finding = Finding(code="tool-end", severity="warning", what="w", why="y", remedy="r")
    found, during = SoFar(), LocalDevice().conditions("during")
    for _ in range(2):
        take(
            found, Measured(ONE, TOOL, Placement(kind="full"), "words", (finding,), "the tool wrote no outputs"), during
        )
    assert found.findings == [finding]
    assert found.transcript == ["words", "words"]
    assert found.agreement is not None
    assert (found.agreement.ok, found.agreement.reason) == (None, "the tool wrote no outputs")
