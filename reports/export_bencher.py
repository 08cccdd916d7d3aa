"""Bencher Metric Format: `{"<case>": {"<measure>": {"value": ..., "lower_value": ..., "upper_value": ...}}}`.

https://bencher.dev/docs/reference/bencher-metric-format. `latency` (ns) and `file-size` (bytes) are built-in measures;
the other measures have their unit in their names.
"""

from __future__ import annotations

import json

from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.reports.export_given import Given, measured, name

NAME_LIMIT = 1024


def render(given: Given) -> str:
    """Raises NotMeasuredError."""
    cases = {name(record)[:NAME_LIMIT]: _measures(record, summary) for record, summary in measured(given)}
    return json.dumps(cases, indent=2, ensure_ascii=False) + "\n"


def _measures(record: Record, summary: LatencySummary) -> dict[str, dict[str, float]]:
    latency = {"value": summary.median_ns}
    if summary.low_ns is not None and summary.high_ns is not None:
        latency |= {"lower_value": summary.low_ns, "upper_value": summary.high_ns}
    others = {
        "load-ns": summary.load_ns,
        "first-inference-ns": summary.first_inference_ns,
        "p90-ns": summary.p90.value_ns,
        "peak-memory-bytes": summary.peak_bytes,
        "file-size": record.artifact.graph.size_bytes if record.artifact is not None else None,
    }
    return {"latency": latency, **{key: {"value": value} for key, value in others.items() if value is not None}}
