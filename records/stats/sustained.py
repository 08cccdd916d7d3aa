"""A sustained run in a few numbers: the first minute against the last, and where the device began to slow down."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.records.stats.student import t_quantile
from bench.records.sustained import Point, Sustained

WINDOW_S = 60.0
# Of a run that is shorter than three minutes, the first third is held against the last.
PARTS = 3
LEVEL = 0.95
# Later latency counts as higher from 5 % on, and only where that is more than the first minute's own noise makes.
HIGHER = 0.05
NOISES = 3.0
LASTING_S = 30.0
LEAST_POINTS = 3
# The median absolute deviation of a normal distribution times this is its standard deviation.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Slowdown:
    """ratio: the last minute's latency over the first one's; low..high: its 95 % interval; None with the reason."""

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Throttling:
    """throttled: None when it cannot be told; reason: why it is so, or why it is not known.

    at_s: the middle of the first invocation from which on it was slowed; until_s: that of the first one that was not
    again, None: to the end. threshold_ns: above it an invocation counts as slowed.
    """

    throttled: bool | None
    reason: str
    at_s: float | None = None
    until_s: float | None = None
    threshold_ns: float | None = None


@dataclass(frozen=True)
class SustainedSummary:
    """window_s: how long `first minute` and `last minute` are here. first_ns, last_ns: medians of their invocations."""

    window_s: float
    first_ns: float | None
    last_ns: float | None
    slowdown: Slowdown
    throttling: Throttling


def sustained_summary(run: Sustained) -> SustainedSummary:
    """Pure: of the points alone, which stand in order of time."""
    points = [point for point in run.points if point.centre_ns > 0]
    window_s = min(WINDOW_S, run.took_s / PARTS)
    first = [point.centre_ns for point in points if point.at_ns < window_s * 1e9]
    last = [point.centre_ns for point in points if point.at_ns >= (run.took_s - window_s) * 1e9]
    return SustainedSummary(
        window_s=window_s,
        first_ns=statistics.median(first) if first else None,
        last_ns=statistics.median(last) if last else None,
        slowdown=_slowdown(first, last),
        throttling=_throttling(points, first),
    )


def _slowdown(first: Sequence[float], last: Sequence[float]) -> Slowdown:
    """The ratio of medians, and Welch's t-interval of the difference of the means of logarithms, back as a ratio.

    The interval is widened where needed to hold the ratio. Source: Welch 1947, The generalization of Student's problem
    when several different population variances are involved (degrees of freedom after Welch and Satterthwaite).
    """
    if not first or not last:
        return Slowdown(reason="no invocation lies at the beginning or at the end")
    ratio = statistics.median(last) / statistics.median(first)
    count = min(len(first), len(last))
    if count < LEAST_POINTS:
        return Slowdown(ratio, reason=f"{_invocations(count)} at one end < {LEAST_POINTS}")
    logs = [math.log(value) for value in first], [math.log(value) for value in last]
    errors = [statistics.variance(each) / len(each) for each in logs]
    centre = statistics.fmean(logs[1]) - statistics.fmean(logs[0])
    half = 0.0
    if sum(errors) > 0:
        squares = sum(error**2 / (len(each) - 1) for error, each in zip(errors, logs, strict=True))
        # Squares of tiny variances underflow; the smaller sample's degrees of freedom are the cautious bound.
        degrees = sum(errors) ** 2 / squares if squares > 0 else count - 1
        half = t_quantile(0.5 + LEVEL / 2, max(degrees, 1.0)) * math.sqrt(sum(errors))
    return Slowdown(ratio, min(math.exp(centre - half), ratio), max(math.exp(centre + half), ratio))


def _invocations(count: int) -> str:
    return f"{count} invocation{'s' if count != 1 else ''}"


def threshold_ns(first: Sequence[float]) -> float:
    """Above this an invocation is slowed: 5 % over the first minute's median, or three of its robust deviations."""
    centre = statistics.median(first)
    noise = _MAD_TO_SD * statistics.median(abs(value - centre) for value in first)
    return max(centre * (1 + HIGHER), centre + NOISES * noise)


def _throttling(points: Sequence[Point], first: Sequence[float]) -> Throttling:
    if len(first) < LEAST_POINTS:
        return Throttling(None, f"{_invocations(len(first))} at the beginning < {LEAST_POINTS}")
    if len(points) < len(first) + LEAST_POINTS:
        return Throttling(None, f"fewer than {LEAST_POINTS} invocations came after the beginning")
    limit = threshold_ns(first)
    higher = f"{limit / statistics.median(first) - 1:.0%} above the beginning's"
    for begin, end in _runs([point.centre_ns > limit for point in points]):
        at, seconds = points[begin].at_ns / 1e9, (points[end - 1].at_ns - points[begin].at_ns) / 1e9
        to_the_end = end == len(points)
        if end - begin >= LEAST_POINTS and (to_the_end or seconds >= LASTING_S):
            until = None if to_the_end else points[end].at_ns / 1e9
            lasted = "to the end" if to_the_end else f"for {seconds:.0f} s"
            return Throttling(True, f"the latency stayed more than {higher} {lasted}", at, until, limit)
    reason = f"the latency never stayed more than {higher} for {LASTING_S:.0f} s, nor to the end"
    return Throttling(False, reason, threshold_ns=limit)


def _runs(slowed: Sequence[bool]) -> list[tuple[int, int]]:
    """(begin, end) of each unbroken series of True."""
    runs: list[tuple[int, int]] = []
    begin = None
    for index, each in enumerate([*slowed, False]):
        if each and begin is None:
            begin = index
        elif not each and begin is not None:
            runs.append((begin, index))
            begin = None
    return runs
