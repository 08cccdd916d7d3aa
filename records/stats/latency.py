"""One case's latency in a few numbers, with an interval that counts invocations, not inferences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.records.stats.percentile import Percentile, percentile, quantile
from bench.records.stats.student import t_quantile
from bench.records.types import Invocation, Record

LEVEL = 0.95
SHARES = (0.90, 0.95, 0.99)


@dataclass(frozen=True)
class LatencySummary:
    """median_ns of all samples; low_ns..high_ns: its 95 % interval over invocations, None with interval_reason.

    of: `samples`; or the `medians` or `means` that a native tool told of its invocations: then median_ns is the median
    of those, the extremes are the tool's where it tells them, and percentiles are refused.
    n: samples, over `invocations`; spread: largest over smallest invocation median, minus 1.
    load_ns, first_inference_ns, input_copy_ns, output_read_ns: medians over invocations, None where they were not told
    or not timed apart; peak_bytes, growth_bytes: the largest, None when not known; steady: None when not told.
    """

    median_ns: float
    low_ns: float | None
    high_ns: float | None
    interval_reason: str
    n: int
    invocations: int
    minimum_ns: float | None
    maximum_ns: float | None
    p90: Percentile
    p95: Percentile
    p99: Percentile
    spread: float | None
    load_ns: float | None
    first_inference_ns: float | None
    input_copy_ns: float | None
    output_read_ns: float | None
    peak_bytes: int | None
    growth_bytes: int | None
    steady: bool | None
    of: Literal["samples", "medians", "means"] = "samples"


def median_interval(medians_ns: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """The t-interval of the mean of log(invocation medians), back on the scale of ns; None below three invocations.

    Samples of one invocation are not independent, invocations are: so n is the number of invocations (Kalibera and
    Jones 2013, Rigorous benchmarking in reasonable time). Logarithms, since latencies vary by factors.
    """
    if len(medians_ns) < 3 or min(medians_ns) <= 0:
        return None
    logs = [math.log(value) for value in medians_ns]
    centre = statistics.fmean(logs)
    half = t_quantile(0.5 + level / 2, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(centre - half), math.exp(centre + half)


def _no_interval(medians_ns: Sequence[float]) -> str:
    count = len(medians_ns)
    if count < 3:
        return f"{count} invocation{'s' if count != 1 else ''} < 3"
    return "an invocation's median is 0 ns"


def invocation_medians(invocations: Sequence[Invocation]) -> list[float]:
    """The median latency in ns of each invocation that has samples; of a native tool's, the median or mean it told."""
    found = []
    for each in invocations:
        if samples := each.samples_ns:
            found.append(quantile(sorted(samples), 0.5))
        elif each.summary is not None:
            found.append(each.summary.centre_ns)
    return found


def latency_summary(record: Record) -> LatencySummary | None:
    """The summary of a record's steady-state inferences; None when it has none."""
    medians = invocation_medians(record.invocations)
    if not medians:
        return None
    ordered = sorted(sample for invocation in record.invocations for sample in invocation.samples_ns)
    told = [invocation.summary for invocation in record.invocations if invocation.summary is not None]
    median = quantile(ordered or sorted(medians), 0.5)
    # A sustained run drifts by design: its invocations are no repetitions of one another.
    interval = None if record.sustained else median_interval(medians)
    if interval is not None:
        # The point is the pooled median; where it lies outside of the interval of the typical invocation, the
        # interval is widened to hold it: that only makes it more cautious.
        interval = min(interval[0], median), max(interval[1], median)
    count = len(medians)
    if ordered:
        of: Literal["samples", "medians", "means"] = "samples"
        low, high = _extreme(min, ordered), _extreme(max, ordered)
        percentiles = [percentile(ordered, share, count) for share in SHARES]
    else:
        of = "means" if any(each.median_ns is None for each in told) else "medians"
        low, high = _extreme(min, (each.minimum_ns for each in told)), _extreme(max, (each.maximum_ns for each in told))
        percentiles = [Percentile(share, None, "no samples") for share in SHARES]
    return LatencySummary(
        median_ns=median,
        low_ns=interval[0] if interval else None,
        high_ns=interval[1] if interval else None,
        interval_reason="" if interval else "sustained" if record.sustained else _no_interval(medians),
        n=len(ordered) or sum(each.count for each in told),
        invocations=count,
        minimum_ns=low,
        maximum_ns=high,
        p90=percentiles[0],
        p95=percentiles[1],
        p99=percentiles[2],
        spread=max(medians) / min(medians) - 1.0 if min(medians) > 0 else None,
        load_ns=_median_of(each.load_ns for each in record.invocations),
        first_inference_ns=_median_of(each.first_inference_ns for each in record.invocations),
        input_copy_ns=_median_of(each.input_copy_ns for each in record.invocations),
        output_read_ns=_median_of(each.output_read_ns for each in record.invocations),
        peak_bytes=max(
            (i.memory.peak_bytes for i in record.invocations if i.memory.peak_bytes is not None), default=None
        ),
        growth_bytes=max(
            (i.memory.growth_bytes for i in record.invocations if i.memory.growth_bytes is not None), default=None
        ),
        steady=_steady([invocation.steady for invocation in record.invocations]),
        of=of,
    )


def _median_of(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _extreme(choose: Callable[[Iterable[float]], float], values: Iterable[float | None]) -> float | None:
    """None where one of them is not known: the extreme may be that one."""
    known = list(values)
    return None if None in known else choose(value for value in known if value is not None)


def _steady(told: Sequence[bool | None]) -> bool | None:
    if False in told:
        return False
    return None if None in told else True
