"""A native tool's summaries: the sampling unit is the invocation, and nothing is made up."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.stats.latency import invocation_medians, latency_summary
from bench.records.sustained import Sustained
from bench.records.types import Invocation, Memory, Record, Summary

Make = Callable[..., Record]


def told(mean_ns: float, median_ns: float | None = None, **changes: object) -> Invocation:
    summary = Summary(count=10, mean_ns=mean_ns, median_ns=median_ns, minimum_ns=mean_ns / 2, maximum_ns=mean_ns * 2)
    return Invocation(
        started="", spawn_ns=None, load_ns=None, first_inference_ns=None, warmup=None, turns=(),
        memory=Memory(growth_bytes=7), summary=msgspec.structs.replace(summary, **changes),
    )  # fmt: skip


def test_the_median_of_the_tools_medians(make_record: Make) -> None:
    record = make_record(invocations=tuple(told(1000.0 * n, 900.0 * n) for n in (1, 2, 3)))
    summary = latency_summary(record)
    assert record.measured
    assert summary is not None
    assert (summary.of, summary.median_ns, summary.n, summary.invocations) == ("medians", 1800.0, 30, 3)
    assert (summary.minimum_ns, summary.maximum_ns) == (500.0, 6000.0)
    assert summary.low_ns is not None
    assert summary.low_ns < 1800 < (summary.high_ns or 0)
    assert {each.value_ns for each in (summary.p90, summary.p95, summary.p99)} == {None}
    assert "no samples" in summary.p90.reason
    assert (summary.load_ns, summary.first_inference_ns, summary.steady) == (None, None, None)
    assert (summary.peak_bytes, summary.growth_bytes) == (None, 7)


def test_means_are_called_means(make_record: Make) -> None:
    summary = latency_summary(make_record(invocations=(told(1000.0), told(1200.0, 1100.0))))
    assert summary is not None
    assert (summary.of, summary.median_ns) == ("means", 1050.0)
    assert (summary.low_ns, summary.interval_reason) == (None, "2 invocations < 3")


def test_an_extreme_that_one_invocation_did_not_tell_is_unknown(make_record: Make) -> None:
    summary = latency_summary(make_record(invocations=(told(1000.0), told(1200.0, minimum_ns=None))))
    assert summary is not None
    assert (summary.minimum_ns, summary.maximum_ns) == (None, 2400.0)


@given(st.lists(st.floats(1e3, 1e10), min_size=3, max_size=20), st.floats(0.1, 10.0))
def test_the_number_scales_with_the_tools_numbers(means: list[float], factor: float) -> None:
    ones = invocation_medians([told(mean) for mean in means])
    others = invocation_medians([told(mean * factor) for mean in means])
    assert all(math.isclose(one * factor, other) for one, other in zip(ones, others, strict=True))


@pytest.mark.parametrize("invocations", [(), (msgspec.structs.replace(told(1.0), summary=None),)])
def test_nothing_told_is_nothing_measured(make_record: Make, invocations: tuple[Invocation, ...]) -> None:
    record = make_record(invocations=invocations)
    assert not record.measured
    assert latency_summary(record) is None


def test_a_sustained_run_has_no_interval_over_its_drift(make_record: Make) -> None:
    ones = tuple(told(1000.0 * n, 900.0 * n) for n in (1, 2, 3))
    summary = latency_summary(make_record(invocations=ones, sustained=Sustained(asked_s=60.0, took_s=60.0, points=())))
    assert summary is not None
    assert (summary.low_ns, summary.interval_reason) == (None, "sustained")
