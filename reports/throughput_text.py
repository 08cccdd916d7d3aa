"""A record's throughput in words: items a second, with how many inferences at a time and how many items in each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.records.stats.throughput import ThroughputSummary, throughput_summary
from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports.words import plain

HEAD = "items/s [95 %]"


def asked(records: Iterable[Record]) -> bool:
    """Whether there is anything to show a column for."""
    return any(throughput_summary(record) is not None for record in records)


def lines(record: Record) -> list[str]:
    """For a column: `84.2`, `[83.9, 84.5]`, `2 streams`; a dash where nobody measured it."""
    found = throughput_summary(record)
    if found is None:
        return [fmt.NONE]
    return [_scale(found).number(found.items_per_s), _interval(found), _ways(found)]


def one_line(record: Record) -> str:
    """`84.2 items/s [83.9, 84.5], 2 streams of batch 4`; empty where nobody measured it."""
    found = throughput_summary(record)
    return "" if found is None else f"{_scale(found).text(found.items_per_s)} {_interval(found)}, {_ways(found)}"


def details(record: Record) -> list[tuple[str, str]]:
    """Names and values of all that is known; empty where nobody measured it."""
    found = throughput_summary(record)
    if found is None:
        return []
    count = f"{fmt.counted(found.inferences, 'inference')} in {found.invocations} inv."
    return [("throughput", one_line(record)), ("of", plain(f"{count}: {found.how}"))]


def as_json(record: Record) -> dict[str, Any] | None:
    """None where nobody measured it."""
    found = throughput_summary(record)
    if found is None:
        return None
    return {
        "items_per_s": found.items_per_s,
        "interval_95": {"low": found.low, "high": found.high, "reason": found.interval_reason or None},
        "streams": found.streams,
        "batch": found.batch,
        "inferences": found.inferences,
        "invocations": found.invocations,
        "how": found.how,
    }


def _scale(found: ThroughputSummary) -> fmt.Scale:
    known = None if found.low is None or found.high is None else (found.low, found.high)
    return fmt.rate(found.items_per_s, known)


def _interval(found: ThroughputSummary) -> str:
    if found.low is None or found.high is None:
        return f"{fmt.NONE} ({found.interval_reason})"
    scale = _scale(found)
    return f"[{scale.number(found.low)}, {scale.number(found.high)}]"


def _ways(found: ThroughputSummary) -> str:
    batch = f" of batch {found.batch}" if found.batch > 1 else ""
    return f"{fmt.counted(found.streams, 'stream')}{batch}"
