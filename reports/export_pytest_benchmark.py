"""pytest-benchmark's JSON: each case a benchmark, all samples its rounds. Times are seconds, as its format wants.

Its mean and stddev count inferences, which are not independent: they are its statistics, and no error of ours. The
interval over invocations stands in `extra_info`, in ns.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

from bench.records.stats import LatencySummary
from bench.records.stats.percentile import quantile
from bench.records.types import Record
from bench.reports.export_given import Given, facts, measured, name, started, times_ns


def render(given: Given) -> str:
    """Raises NotMeasuredError."""
    found = measured(given)
    document = {
        "machine_info": machine_info(found[0][0]),
        "commit_info": {},
        "benchmarks": [benchmark(record, summary) for record, summary in found],
        "datetime": started(given.records),
        "version": "5.0.0",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def machine_info(record: Record) -> dict[str, Any]:
    """Stable facts only: pytest-benchmark warns where they differ between two files."""
    device = record.device
    names = ("machine", "system", "release", "python_version")
    known = {key: device.facts[key] for key in names if key in device.facts}
    return {**known, "node": device.name, "cpu": {"brand_raw": device.title}, "bench_fingerprint": device.fingerprint}


def benchmark(record: Record, summary: LatencySummary) -> dict[str, Any]:
    """One entry of `benchmarks`."""
    label = name(record)
    data = [time / 1e9 for times in times_ns(record) for time in times]
    return {
        "group": f"{record.case.model} {record.case.variant}",
        "name": label,
        "fullname": f"bench::{label}",
        "params": None,
        "param": None,
        "extra_info": {"median_ns": summary.median_ns, **facts(record, summary)},
        "options": {"disable_gc": False, "timer": "bench", "min_rounds": len(data), "warmup": True},
        "stats": stats(data),
    }


def stats(data: Sequence[float]) -> dict[str, Any]:
    """The fields that pytest-benchmark prints, of at least one time in seconds; quartiles of Hyndman and Fan, type 7.

    Outliers: beyond one standard deviation of the mean; beyond 1.5 interquartile ranges of the quartiles (Tukey).
    """
    ordered = sorted(data)
    mean, total = statistics.fmean(ordered), sum(ordered)
    spread = statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    q1, median, q3 = (quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    beyond = sum(not mean - spread <= value <= mean + spread for value in ordered)
    outside = sum(not low <= value <= high for value in ordered)
    return {
        "min": ordered[0], "max": ordered[-1], "mean": mean, "stddev": spread, "rounds": len(ordered),
        "median": median, "iqr": q3 - q1, "q1": q1, "q3": q3, "iqr_outliers": outside, "stddev_outliers": beyond,
        "outliers": f"{beyond};{outside}", "ld15iqr": next((v for v in ordered if v >= low), ordered[0]),
        "hd15iqr": next((v for v in reversed(ordered) if v <= high), ordered[-1]),
        "ops": len(ordered) / total if total else 0.0, "total": total, "data": list(data), "iterations": 1,
    }  # fmt: skip
