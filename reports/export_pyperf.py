"""pyperf's JSON, version 1.0: each case a benchmark, each invocation a run. Values are seconds.

https://pyperf.readthedocs.io/en/latest/api.html: metadata values are text or numbers, never empty; values above 0.
"""

from __future__ import annotations

import json
from typing import Any

from bench.base.errors import NotMeasuredError
from bench.records.stats import LatencySummary
from bench.records.types import Invocation, Record
from bench.reports.export_given import Given, facts, measured, name, times_ns


def render(given: Given) -> str:
    """Raises NotMeasuredError, also where a clock was so coarse that a sample is 0 ns."""
    found = measured(given)
    document = {
        "version": "1.0",
        "metadata": {"unit": "second", "loops": 1},
        "benchmarks": [_benchmark(record, summary) for record, summary in found],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _benchmark(record: Record, summary: LatencySummary) -> dict[str, Any]:
    values = times_ns(record)
    if min(map(min, values)) <= 0:
        found = f"A sample of {name(record)} is 0 ns, which pyperf does not take."
        raise NotMeasuredError("no pyperf file", found, "Choose another format.")
    timed = [one for one in record.invocations if one.samples_ns or one.summary is not None]
    runs = [
        {"metadata": _of_run(one), "values": [time / 1e9 for time in times]}
        for one, times in zip(timed, values, strict=True)
    ]
    known = {key: value for key, value in facts(record, summary).items() if key not in ("interval_low_ns", "run")}
    return {"metadata": {"name": name(record), **known, "bench_run": record.run.id}, "runs": runs}


def _of_run(one: Invocation) -> dict[str, Any]:
    metadata: dict[str, Any] = {"date": one.started[:19].replace("T", " ")}
    if one.memory.peak_bytes:
        metadata["mem_max_rss"] = one.memory.peak_bytes
    return metadata
