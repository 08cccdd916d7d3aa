"""Bencher Metric Format: `{"<case>": {"<measure>": {"value": ..., "lower_value": ..., "upper_value": ...}}}`.

https://bencher.dev/docs/reference/bencher-metric-format. `latency` (ns), `throughput` (items per second)
and `file-size` (bytes) are built-in measures; the other measures have their unit in their names.
"""

from __future__ import annotations

import json

from bench.records.stats import LatencySummary
from bench.records.stats.throughput import throughput_summary
from bench.records.types import Record
from bench.reports import energy_text
from bench.reports.export_given import Given, measured, name

NAME_LIMIT = 1024


def render(given: Given) -> str:
    """Raises NotMeasuredError."""
    cases = {name(record)[:NAME_LIMIT]: _measures(record, summary) for record, summary in measured(given)}
    return json.dumps(cases, indent=2, ensure_ascii=False) + "\n"


def _measures(record: Record, summary: LatencySummary) -> dict[str, dict[str, float]]:
    found = {"latency": _measure(summary.median_ns, summary.low_ns, summary.high_ns)}
    if (rate := throughput_summary(record)) is not None:
        found["throughput"] = _measure(rate.items_per_s, rate.low, rate.high)
    rail = energy_text.chosen(record)
    others = {
        "load-ns": summary.load_ns,
        "first-inference-ns": summary.first_inference_ns,
        "p90-ns": summary.p90.value_ns,
        "peak-memory-bytes": summary.peak_bytes,
        "energy-per-inference-j": rail.joules_per_inference if rail is not None else None,
        "file-size": record.artifact.graph.size_bytes if record.artifact is not None else None,
    }
    return {**found, **{key: {"value": value} for key, value in others.items() if value is not None}}


def _measure(value: float, low: float | None, high: float | None) -> dict[str, float]:
    if low is None or high is None:
        return {"value": value}
    return {"value": value, "lower_value": low, "upper_value": high}
