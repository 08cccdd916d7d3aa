"""Findings of a measured case, and the shapes of its inputs: rules at their thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from bench.backends.client import InvocationFailed
from bench.records.stats.agreement import ALIVE_STD
from bench.records.types import Agreement, Invocation, Memory, OpRow, Placement, Profile, TensorSpec, Turn, Warmup
from bench.run.judge import GAP_LIMIT, SLOWDOWN_LIMIT, SPREAD_LIMIT, findings
from bench.run.shapes import resolve_shapes

FULL = Placement(kind="full", delegate="XNNPACK")


def invocation(steady: bool = True) -> Invocation:
    return Invocation(
        started="", spawn_ns=1, load_ns=1, first_inference_ns=1, memory=Memory(),
        warmup=Warmup(inferences=1, duration_ns=1, window_medians_ns=(1,), steady=steady),
        turns=(Turn(start_ns=0, samples_ns=(1,)),),
    )  # fmt: skip


def profile(rows_ns: float, slowdown: float | None = 1.0) -> Profile:
    row = OpRow(position=0, op_type="CONV_2D", name="conv", time_ns=rows_ns)
    return Profile(source="s", inferences=1, total_ns=1000.0, rows=(row,), slowdown=slowdown)


def codes(**changes: Any) -> list[str]:
    parts: dict[str, Any] = {
        "placement": FULL, "agreement": None, "invocations": [invocation()], "medians_ns": [100.0], "profile": None,
        "zoo": True,
    }  # fmt: skip
    found = findings(**{**parts, **changes})
    assert all(each.what and each.why and each.remedy for each in found)
    return [each.code for each in found]


def test_nothing_is_said_of_a_good_case() -> None:
    good = Agreement(reference="r", ok=True, reference_std=ALIVE_STD)
    assert codes(agreement=good, profile=profile(1000), medians_ns=[100, 100]) == []


def test_invocations_that_did_not_become_steady_are_counted() -> None:
    found = findings(FULL, None, [invocation(), invocation(False), invocation(False)], [1], None, True)
    assert [each.code for each in found] == ["not-steady"]
    assert "invocation 2, 3 of 3" in found[0].what


@pytest.mark.parametrize(
    ("medians", "said"),
    [
        ([100, 100 * (1 + SPREAD_LIMIT) - 1], False),
        ([100, 111], True),
        ([111, 105, 100], True),
        ([100], False),
        ([], False),
    ],
)
def test_invocations_that_differ_are_told_from_ten_percent(medians: list[float], said: bool) -> None:
    assert ("invocations-differ" in codes(medians_ns=medians)) == said


@pytest.mark.parametrize("kind", ["partial", "none", "unknown"])
def test_a_placement_that_is_not_full_is_told(kind: Any) -> None:
    placement = Placement(kind=kind, delegate="X", nodes=1, total=2, partitions=1, reason="because")
    assert codes(placement=placement) == [f"placement-{kind}"]


def test_a_wrong_output_is_an_error_a_dead_one_a_warning_and_an_uncompared_one_nothing() -> None:
    assert codes(agreement=Agreement(reference="r", ok=False, reason="far")) == ["outputs-differ"]
    assert codes(agreement=Agreement(reference="", ok=None, reason="first")) == []
    dead = Agreement(reference="r", ok=True, reference_std=ALIVE_STD * 0.99)
    assert codes(agreement=dead) == ["output-hardly-alive"]
    assert codes(agreement=dead, zoo=False) == []


@pytest.mark.parametrize(
    ("rows_ns", "said"),
    [(1000 * (1 - GAP_LIMIT), False), (899, True), (1000 * (1 + GAP_LIMIT), False), (1101, True)],
)
def test_a_gap_in_the_profile_is_told_in_both_directions(rows_ns: float, said: bool) -> None:
    assert ("profile-gap" in codes(profile=profile(rows_ns))) == said


@pytest.mark.parametrize(("slowdown", "said"), [(SLOWDOWN_LIMIT, False), (1.26, True), (None, False), (0.5, False)])
def test_a_profiler_that_slows_the_run_is_told(slowdown: float | None, said: bool) -> None:
    assert ("profile-slow" in codes(profile=profile(1000, slowdown))) == said


def spec(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=shape)


def test_a_shape_without_a_name_is_that_of_the_only_input() -> None:
    assert resolve_shapes({"": (4, 3)}, [spec("x", -1, 3)]) == {"x": (4, 3)}
    assert resolve_shapes({"x": (4, 3)}, [spec("x", -1, 3)]) == {"x": (4, 3)}
    assert resolve_shapes({}, [spec("x", 1, 3), spec("y", 2)]) == {}


@pytest.mark.parametrize(
    ("asked", "inputs", "said"),
    [
        ({}, [spec("x", -1, 3)], "input x has no fixed shape: N,3"),
        ({"": (1, 3)}, [spec("x", -1, 3), spec("y", 1)], "several inputs"),
        ({"z": (1, 3)}, [spec("x", 1, 3)], "no such input"),
        ({"x": (1, 3, 3)}, [spec("x", -1, 3)], "2 dimensions"),
        ({"x": (1, 3)}, [spec("x", -1, 3), spec("y", -1)], "input y has no fixed shape"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(asked: Any, inputs: list[TensorSpec], said: str) -> None:
    with pytest.raises(InvocationFailed) as caught:
        resolve_shapes(asked, inputs)
    assert caught.value.error.kind == "shape"
    assert said in caught.value.error.message


def test_an_open_shape_is_answered_with_the_option_to_give() -> None:
    with pytest.raises(InvocationFailed) as caught:
        resolve_shapes({}, [spec("x", -1, 256, -1)])
    assert "--shape x=1,256,1" in caught.value.error.todo
