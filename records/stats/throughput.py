"""One case's throughput in a few numbers: each invocation gives one rate, and the interval counts invocations."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.records.stats.differences import Ratio, ratio_interval
from bench.records.stats.latency import median_interval
from bench.records.types import Invocation, Record, Throughput


@dataclass(frozen=True)
class ThroughputSummary:
    """items_per_s: the median of the invocations' rates; low..high: its 95 % interval, None with interval_reason.

    Of the invocations that had these streams and this batch: the first one's. inferences: of all of them together.
    """

    items_per_s: float
    low: float | None
    high: float | None
    interval_reason: str
    streams: int
    batch: int
    invocations: int
    inferences: int
    how: str


def rates(invocations: Sequence[Invocation]) -> list[Throughput]:
    """Those that can stand together: of the same streams and batch as the first; empty where nobody measured any."""
    found = [each.throughput for each in invocations if each.throughput is not None]
    return [each for each in found if (each.streams, each.batch) == (found[0].streams, found[0].batch)]


def throughput_summary(record: Record) -> ThroughputSummary | None:
    """None for a record that has none, or failed."""
    found = rates(record.invocations)
    if not found or not record.measured:
        return None
    values = [each.items_per_s for each in found]
    median = statistics.median(values)
    # As for latency: a sustained run drifts by design, and the interval is widened to hold what is printed.
    interval = None if record.sustained else median_interval(values)
    reason = "sustained" if record.sustained else f"{len(values)} invocation{'s' if len(values) != 1 else ''} < 3"
    return ThroughputSummary(
        items_per_s=median,
        low=min(interval[0], median) if interval else None,
        high=max(interval[1], median) if interval else None,
        interval_reason="" if interval else reason,
        streams=found[0].streams,
        batch=found[0].batch,
        invocations=len(found),
        inferences=sum(each.inferences for each in found),
        how=found[0].how,
    )


def throughput_ratio(base: Record, other: Record) -> Ratio | None:
    """How many times the base's items per second the other's are: above 1 is more; None where one has none."""
    sides = throughput_summary(base), throughput_summary(other)
    if sides[0] is None or sides[1] is None or not sides[0].items_per_s > 0:
        return None
    value = sides[1].items_per_s / sides[0].items_per_s
    lists = [[each.items_per_s for each in rates(side.invocations)] for side in (base, other)]
    found = ratio_interval(lists[0], lists[1])
    if isinstance(found, str):
        return Ratio(value, None, None, found)
    return Ratio(value, min(found[0], value), max(found[1], value))
