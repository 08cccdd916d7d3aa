"""What `bench run --json` prints: the numbers of each case for other tools. Units stand in the key names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.records.stats import LatencySummary, Percentile
from bench.records.types import Record
from bench.reports import accuracy_text, energy_text, sustained_text, throughput_text, view

SCHEMA = 1
TOP_OPS = 8


def run_json(records: Sequence[Record], files: Sequence[str | None] = ()) -> dict[str, Any]:
    """One object for the run: `{"schema": 1, "cases": [...]}`, ready for json.dumps.

    files: the records' paths, in their order. What is not known is null, with a `reason` beside it.
    """
    cases = [_case(record, files[index] if index < len(files) else None) for index, record in enumerate(records)]
    runs = {record.run.id: msgspec.to_builtins(record.run) for record in records}
    return {"schema": SCHEMA, "runs": list(runs.values()), "cases": cases}


def _case(record: Record, file: str | None) -> dict[str, Any]:
    summary = view.numbers(record)
    return {
        "case": msgspec.to_builtins(record.case),
        "key": record.case_key,
        "label": view.case_text(record.case, device=True),
        "run": record.run.id,
        "record": file,
        "measured": summary is not None,
        "replayed": record.replayed,
        "device": {
            "name": record.device.name,
            "title": record.device.title,
            "fingerprint": record.device.fingerprint,
        },
        "artifact_sha256": record.artifact.sha256 if record.artifact is not None else None,
        "runtime": f"{record.tool.runtime} {record.tool.version}" if record.tool is not None else None,
        "placement": {
            **msgspec.to_builtins(record.placement),
            "text": record.placement.text,
        },
        "latency": _latency(record, summary) if summary is not None else None,
        "throughput": throughput_text.as_json(record),
        "energy": energy_text.as_json(record),
        "agreement": msgspec.to_builtins(record.agreement),
        "accuracy": accuracy_text.as_json(record.accuracy),
        "sustained": sustained_text.as_json(record.sustained),
        "profile": _profile(record),
        "findings": msgspec.to_builtins(record.findings),
        "error": msgspec.to_builtins(record.error),
    }


def _percentile(value: Percentile) -> dict[str, Any]:
    return {"value_ns": value.value_ns, "reason": value.reason or None}


def _latency(record: Record, summary: LatencySummary) -> dict[str, Any]:
    return {
        "median_ns": summary.median_ns,
        "of": summary.of,
        "interval_95": {
            "low_ns": summary.low_ns,
            "high_ns": summary.high_ns,
            "reason": summary.interval_reason or None,
        },
        "samples": summary.n,
        "invocations": summary.invocations,
        "invocations_not_steady": view.unsteady(record),
        "minimum_ns": summary.minimum_ns,
        "maximum_ns": summary.maximum_ns,
        "p90": _percentile(summary.p90),
        "p95": _percentile(summary.p95),
        "p99": _percentile(summary.p99),
        "load_ns": summary.load_ns,
        "first_inference_ns": summary.first_inference_ns,
        "input_copy_ns": summary.input_copy_ns,
        "output_read_ns": summary.output_read_ns,
        "peak_memory": {
            "value_bytes": summary.peak_bytes,
            "growth_bytes": summary.growth_bytes,
            "reason": None if summary.peak_bytes is not None else view.peak_text(record, summary).lstrip("— "),
        },
    }


def _profile(record: Record) -> dict[str, Any]:
    profile = record.profile
    if profile is None:
        return {"reason": record.profile_reason or "no reason was given"}
    best = view.top_ops(profile, TOP_OPS)
    return {
        "reason": None,
        "source": profile.source,
        "inferences": profile.inferences,
        "total_ns": profile.total_ns,
        "slowdown": profile.slowdown,
        "op_rows": len(profile.rows),
        "top_ops": [msgspec.to_builtins(row) for row in best.rows],
        "other_ops": best.other_count,
        "other_ns": best.other_ns,
        "gap_ns": profile.gap_ns,
        "gap_share": profile.gap_share if profile.total_ns else None,
    }
