"""The sustained analysis: known runs, what is too short to tell, and properties that hold for any run."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.records.stats.sustained import (
    HIGHER,
    LASTING_S,
    LEAST_POINTS,
    SustainedSummary,
    sustained_summary,
    threshold_ns,
)
from bench.records.sustained import Point, Sustained

STEP_S = 10.0
latencies = st.floats(1e3, 1e10)


def run(*centres_ns: float, step_s: float = STEP_S) -> Sustained:
    """One invocation each `step_s`."""
    points = tuple(
        Point(at_ns=int((index + 0.5) * step_s * 1e9), centre_ns=centre) for index, centre in enumerate(centres_ns)
    )
    took_s = len(centres_ns) * step_s
    return Sustained(asked_s=took_s, took_s=took_s, points=points)


def summary(*centres_ns: float, step_s: float = STEP_S) -> SustainedSummary:
    return sustained_summary(run(*centres_ns, step_s=step_s))


def test_a_phone_that_slows_down_after_two_minutes() -> None:
    found = summary(*[10e6, 10.1e6] * 6, *[12e6, 12.2e6] * 24)
    assert found.window_s == 60
    assert (found.first_ns, found.last_ns) == (10.05e6, 12.1e6)
    assert found.throttling.throttled is True
    assert found.throttling.at_s == 125  # the middle of the 13th invocation
    assert found.throttling.until_s is None
    assert found.slowdown.ratio == pytest.approx(12.1 / 10.05)
    assert found.slowdown.low is not None
    assert found.slowdown.high is not None
    assert found.slowdown.ratio is not None
    assert 1.15 < found.slowdown.low < found.slowdown.ratio < found.slowdown.high < 1.25
    assert "to the end" in found.throttling.reason


def test_one_that_recovers_says_until_when() -> None:
    found = summary(*[10e6] * 12, *[12e6] * 5, *[10e6] * 12)
    assert (found.throttling.at_s, found.throttling.until_s) == (125, 175)
    assert "for 40 s" in found.throttling.reason


@pytest.mark.parametrize(
    "centres",
    [
        [10e6] * 60,  # nothing happens
        [*[10e6] * 12, *[15e6] * 3, *[10e6] * 12],  # three invocations, but only 20 s
        [*[10e6] * 57, 15e6, 15e6],  # to the end, but only two
        [*[10e6] * 30, *[10.4e6] * 30],  # less than 5 %
        [*[9e6, 10e6, 11e6] * 4, *[11.5e6] * 30],  # within the noise of the beginning
        [*[10e6, 15e6] * 20],  # as noisy at the end as at the beginning
    ],
)
def test_what_is_no_throttling(centres: list[float]) -> None:
    found = summary(*centres)
    assert (found.throttling.throttled, found.throttling.at_s) == (False, None)
    assert "never" in found.throttling.reason


def test_a_short_run_has_short_windows() -> None:
    found = summary(*[10e6] * 6, *[12e6] * 12, step_s=5.0)
    assert found.window_s == 30
    assert (found.first_ns, found.last_ns) == (10e6, 12e6)
    assert found.throttling.at_s == 32.5


@pytest.mark.parametrize(
    ("centres", "said"),
    [
        ([], "at the beginning < 3"),
        ([1e6], "0 invocations at the beginning < 3"),
        ([1e6] * 4, "1 invocation at the beginning < 3"),
        ([1e6] * 6, "2 invocations at the beginning < 3"),
    ],
)
def test_too_short_to_tell(centres: list[float], said: str) -> None:
    found = summary(*centres)
    assert found.throttling.throttled is None
    assert found.throttling.at_s is None
    assert said in found.throttling.reason
    assert (found.slowdown.low, found.slowdown.high) == (None, None)
    assert found.slowdown.reason


def test_a_run_that_ended_after_its_beginning_tells_no_throttling() -> None:
    points = run(*[1e6] * 5, step_s=1.0).points
    found = sustained_summary(Sustained(asked_s=60, took_s=12.0, points=points))
    assert found.throttling.throttled is None
    assert "after the beginning" in found.throttling.reason


def test_equal_invocations_have_an_interval_of_no_width() -> None:
    found = summary(*[5e6] * 30)
    assert (found.slowdown.ratio, found.slowdown.low, found.slowdown.high) == (1.0, 1.0, 1.0)


def test_the_interval_is_welchs() -> None:
    """Against scipy's, which gives the difference of the means of logarithms."""
    scipy = pytest.importorskip("scipy.stats")
    first, last = [10e6, 10.3e6, 9.8e6, 10.1e6, 10.2e6, 9.9e6], [12e6, 12.9e6, 11.8e6, 12.1e6, 12.2e6, 12.4e6]
    found = summary(*first, *[11e6] * 12, *last)
    logs = [math.log(value) for value in last], [math.log(value) for value in first]
    low, high = scipy.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert found.slowdown.low == pytest.approx(math.exp(low))
    assert found.slowdown.high == pytest.approx(math.exp(high))


@given(st.lists(latencies, max_size=80), st.floats(0.5, 20))
@example([1e3] * 5 + [1e10] * 30, 10.0)
def test_any_run_gives_a_whole_answer(centres: list[float], step_s: float) -> None:
    found = summary(*centres, step_s=step_s)
    assert found.throttling.reason
    assert (found.throttling.at_s is not None) == (found.throttling.throttled is True)
    if found.slowdown.low is not None and found.slowdown.high is not None and found.slowdown.ratio is not None:
        assert found.slowdown.low <= found.slowdown.ratio <= found.slowdown.high
    else:
        assert found.slowdown.reason


@given(st.lists(st.floats(1e5, 1e8), min_size=9, max_size=80), st.floats(0.5, 20))
def test_a_throttling_point_is_what_it_says(centres: list[float], step_s: float) -> None:
    made = run(*centres, step_s=step_s)
    found = sustained_summary(made)
    if found.throttling.at_s is None or found.throttling.threshold_ns is None:
        return
    times = [point.at_ns / 1e9 for point in made.points]
    begin = times.index(found.throttling.at_s)
    end = len(times) if found.throttling.until_s is None else times.index(found.throttling.until_s)
    assert all(value > found.throttling.threshold_ns for value in centres[begin:end])
    assert begin == 0 or centres[begin - 1] <= found.throttling.threshold_ns
    assert end == len(times) or centres[end] <= found.throttling.threshold_ns
    assert end - begin >= LEAST_POINTS
    assert end == len(times) or times[end - 1] - times[begin] >= LASTING_S


@given(st.lists(latencies, min_size=9, max_size=60), st.floats(0.01, 100))
def test_another_unit_changes_no_ratio(centres: list[float], factor: float) -> None:
    one, other = summary(*centres), summary(*[value * factor for value in centres])
    assert one.slowdown.ratio == pytest.approx(other.slowdown.ratio)
    assert one.slowdown.low == pytest.approx(other.slowdown.low, rel=1e-6)


@given(st.lists(latencies, min_size=3, max_size=30))
def test_the_threshold_lies_above_the_noise(first: list[float]) -> None:
    assert threshold_ns(first) >= statistics.median(first) * (1 + HIGHER)


@given(st.floats(1e5, 1e9), st.integers(6, 40), st.integers(3, 40), st.floats(1.06, 10))
def test_a_step_is_found_where_it_is(level: float, before: int, after: int, factor: float) -> None:
    found = summary(*[level] * before, *[level * factor] * after, step_s=10.0)
    first = max(1, sum((index + 0.5) * 10 < found.window_s for index in range(before + after)))
    if first > before:  # the beginning holds the step
        return
    if first < LEAST_POINTS:
        assert found.throttling.throttled is None
    else:
        assert found.throttling.at_s == before * 10 + 5
