"""One case's latency in a few numbers, with an interval that counts invocations, not inferences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.records.stats.percentile import Percentile, percentile, quantile
from bench.records.stats.student import t_quantile
from bench.records.types import Invocation, Record

LEVEL = 0.95


@dataclass(frozen=True)
class LatencySummary:
    """median_ns of all samples; low_ns..high_ns: its 95 % interval over invocations, None with interval_reason.

    n: samples, over `invocations`; spread: largest over smallest invocation median, minus 1.
    load_ns, first_inference_ns, input_copy_ns, output_read_ns: medians over invocations, the last two None where they
    were not timed apart; peak_bytes: the largest, None when not known.
    """

    median_ns: float
    low_ns: float | None
    high_ns: float | None
    interval_reason: str
    n: int
    invocations: int
    minimum_ns: int
    maximum_ns: int
    p90: Percentile
    p95: Percentile
    p99: Percentile
    spread: float | None
    load_ns: float
    first_inference_ns: float
    input_copy_ns: float | None
    output_read_ns: float | None
    peak_bytes: int | None
    steady: bool


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
    """The median latency in ns of each invocation that has samples."""
    return [quantile(sorted(samples), 0.5) for each in invocations if (samples := each.samples_ns)]


def latency_summary(record: Record) -> LatencySummary | None:
    """The summary of a record's steady-state samples; None when it has none."""
    ordered = sorted(sample for invocation in record.invocations for sample in invocation.samples_ns)
    if not ordered:
        return None
    medians = invocation_medians(record.invocations)
    median = quantile(ordered, 0.5)
    interval = median_interval(medians)
    if interval is not None:
        # The point is the pooled median; where it lies outside of the interval of the typical invocation, the
        # interval is widened to hold it: that only makes it more cautious.
        interval = min(interval[0], median), max(interval[1], median)
    count = len(medians)
    peaks = [i.memory.peak_bytes for i in record.invocations if i.memory.peak_bytes is not None]
    return LatencySummary(
        median_ns=median,
        low_ns=interval[0] if interval else None,
        high_ns=interval[1] if interval else None,
        interval_reason="" if interval else _no_interval(medians),
        n=len(ordered),
        invocations=count,
        minimum_ns=ordered[0],
        maximum_ns=ordered[-1],
        p90=percentile(ordered, 0.90, count),
        p95=percentile(ordered, 0.95, count),
        p99=percentile(ordered, 0.99, count),
        spread=max(medians) / min(medians) - 1.0 if min(medians) > 0 else None,
        load_ns=statistics.median(i.load_ns for i in record.invocations),
        first_inference_ns=statistics.median(i.first_inference_ns for i in record.invocations),
        input_copy_ns=_median_of(each.input_copy_ns for each in record.invocations),
        output_read_ns=_median_of(each.output_read_ns for each in record.invocations),
        peak_bytes=max(peaks) if peaks else None,
        steady=all(invocation.warmup.steady for invocation in record.invocations),
    )


def _median_of(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
