"""A case's latency: the interval holds what it promises, and the summary is what a hand computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.stats import latency_summary
from bench.records.stats.latency import LatencySummary, invocation_medians, median_interval
from bench.records.types import Memory, Record, Warmup

Make = Callable[..., Record]
TYPICAL_NS = 5e6
SIMULATIONS, INVOCATIONS, SAMPLES = 2000, 5, 41


def simulated_medians(between: float, within: float) -> Any:
    """Medians in ns of shape (simulations, invocations): lognormal between invocations, and within each.

    A lognormal of mu=0 has the median 1, so that the typical latency is TYPICAL_NS exactly.
    """
    dice = np.random.default_rng(20260301)
    level = TYPICAL_NS * dice.lognormal(0.0, between, (SIMULATIONS, INVOCATIONS, 1))
    return np.median(level * dice.lognormal(0.0, within, (SIMULATIONS, INVOCATIONS, SAMPLES)), axis=2)


@pytest.mark.parametrize(("between", "within"), [(0.02, 0.05), (0.10, 0.02), (0.001, 0.20), (0.5, 0.3)])
def test_the_interval_covers_the_true_typical_latency(between: float, within: float) -> None:
    covered, widths = 0, []
    for medians in simulated_medians(between, within):
        interval = median_interval(medians.tolist())
        assert interval is not None
        covered += interval[0] <= TYPICAL_NS <= interval[1]
        widths.append(math.log(interval[1] / interval[0]))
    # 95 % is promised; an interval that always covers would be too wide to be of use.
    assert 0.93 <= covered / SIMULATIONS <= 0.97
    # Its mean width is known: 2 t E[s] / sqrt(n), E[s] = 0.94 sigma for n = 5.
    sigma = math.hypot(between, within * math.sqrt(math.pi / 2 / SAMPLES))
    assert np.mean(widths) == pytest.approx(2 * 2.776 * 0.94 * sigma / math.sqrt(5), rel=0.05)


def test_an_interval_that_counted_inferences_would_not_cover() -> None:
    # Why invocations are counted: with all samples taken as independent the same data are covered far too seldom.
    dice = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        level = TYPICAL_NS * dice.lognormal(0.0, 0.05, (INVOCATIONS, 1))
        samples = (level * dice.lognormal(0.0, 0.02, (INVOCATIONS, SAMPLES))).ravel().tolist()
        interval = median_interval(samples)
        assert interval is not None
        covered += interval[0] <= TYPICAL_NS <= interval[1]
    assert covered < 0.5 * 300


def test_the_interval_by_hand() -> None:
    # Logs 0, 1, 2: mean 1, standard deviation 1; t(0.975, 2) = 4.302653.
    half = 4.302653 / math.sqrt(3)
    interval = median_interval([1.0, math.e, math.e**2])
    assert interval == pytest.approx((math.exp(1 - half), math.exp(1 + half)), rel=1e-6)
    narrower = median_interval([1.0, math.e, math.e**2], level=0.5)
    assert narrower is not None
    assert interval is not None
    assert interval[0] < narrower[0] < narrower[1] < interval[1]
    assert median_interval([7.0, 7.0, 7.0]) == pytest.approx((7.0, 7.0))


def test_no_interval_from_too_little() -> None:
    assert median_interval([]) is None
    assert median_interval([1.0, 2.0]) is None
    assert median_interval([0.0, 1.0, 2.0]) is None


@given(st.lists(st.floats(1.0, 1e12), min_size=3, max_size=10), st.floats(0.01, 100.0))
def test_the_interval_scales_with_the_unit(medians: list[float], factor: float) -> None:
    one, other = median_interval(medians), median_interval([value * factor for value in medians])
    assert one is not None
    assert other is not None
    assert 0 < one[0] <= one[1]
    assert other == pytest.approx((one[0] * factor, one[1] * factor), rel=1e-6)


def summary_of(record: Record) -> LatencySummary:
    summary = latency_summary(record)
    assert summary is not None
    return summary


def test_the_summary_by_hand(make_record: Make) -> None:
    samples = [[100, 110, 120], [200, 210, 220], [300, 310, 320]]
    summary = summary_of(make_record(samples=samples))
    assert (summary.median_ns, summary.n, summary.invocations) == (210, 9, 3)
    assert (summary.minimum_ns, summary.maximum_ns) == (100, 320)
    assert summary.spread == pytest.approx(310 / 110 - 1)
    assert (summary.low_ns, summary.high_ns) == pytest.approx(median_interval([110, 210, 310]))
    assert (summary.interval_reason, summary.steady) == ("", True)
    assert (summary.p90.value_ns, summary.p90.reason) == (None, "n=9 < 44")
    assert (summary.load_ns, summary.first_inference_ns) == (12_340_000, 61_000_000)


def test_percentiles_come_when_there_are_enough(make_record: Make) -> None:
    summary = summary_of(make_record(samples=[list(range(1, 201))] * 5))
    assert (summary.p90.value_ns, summary.p95.value_ns) == (pytest.approx(180.1), pytest.approx(190.05))
    assert summary.p99.value_ns == pytest.approx(198.01)
    assert summary_of(make_record(samples=[list(range(1, 92))])).p95.reason == "1 invocation < 3"


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([[5, 6]], "1 invocation < 3"),
        ([[5], [6]], "2 invocations < 3"),
        ([[5], [6], []], "2 invocations < 3"),
        ([[0], [6], [7]], "an invocation's median is 0 ns"),
    ],
)
def test_without_an_interval_there_is_the_reason(make_record: Make, samples: list[list[int]], reason: str) -> None:
    summary = summary_of(make_record(samples=samples))
    assert (summary.low_ns, summary.high_ns, summary.interval_reason) == (None, None, reason)


def test_the_point_lies_within_its_interval(make_record: Make) -> None:
    # One invocation with most of the samples pulls the pooled median away from the typical invocation.
    for odd_ns in (10, 1000):
        samples = [*([each] for each in range(100, 110)), [odd_ns] * 50]
        typical = median_interval([*range(100, 110), odd_ns])
        assert typical is not None
        assert not typical[0] <= odd_ns <= typical[1]
        summary = summary_of(make_record(samples=samples))
        assert summary.median_ns == odd_ns
        assert (summary.low_ns, summary.high_ns) == (min(typical[0], odd_ns), max(typical[1], odd_ns))


def test_nothing_measured_gives_nothing(make_record: Make) -> None:
    assert latency_summary(make_record(samples=[])) is None
    assert latency_summary(make_record(samples=[[], []])) is None


def of(make: Callable[..., Any], *changes: dict[str, Any]) -> Sequence[Any]:
    return tuple(make([10, 20], **each) for each in changes)


def test_memory_load_and_steadiness(make_record: Make, make_invocation: Callable[..., Any]) -> None:
    shaky = Warmup(inferences=1, duration_ns=1, window_medians_ns=(2, 1), steady=False)
    unknown = Memory(reason="not on this system")
    invocations = of(
        make_invocation,
        {"load_ns": 1, "memory": Memory(peak_bytes=10)},
        {"load_ns": 2, "memory": Memory(peak_bytes=30), "warmup": shaky},
        {"load_ns": 9, "memory": unknown},
    )
    summary = summary_of(make_record(invocations=invocations))
    assert (summary.load_ns, summary.peak_bytes, summary.steady) == (2, 30, False)
    none = tuple(msgspec.structs.replace(each, memory=unknown) for each in invocations)
    assert summary_of(make_record(invocations=none)).peak_bytes is None


def test_invocation_medians_pass_over_empty_ones(make_invocation: Callable[..., Any]) -> None:
    assert invocation_medians([make_invocation([3, 1, 2]), make_invocation([]), make_invocation([4, 6])]) == [2, 5]
