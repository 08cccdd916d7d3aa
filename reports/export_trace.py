"""Op profiles in the Trace Event Format, which Perfetto and chrome://tracing open.

A profile has each op's mean time per inference, not when it ran: ops are laid end to end in the graph's order, each
case a process of its own, and the part that no row explains is an event `gap` at the end. `ts` and `dur` are
microseconds, as the format wants; `args` hold the exact ns.
"""

from __future__ import annotations

import json
from typing import Any

from bench.records.types import OpRow, Profile, Record
from bench.reports.export_given import Given, name, profiled


def render(given: Given) -> str:
    """Raises NotMeasuredError where no case has a profile."""
    events: list[dict[str, Any]] = []
    for process, (record, profile) in enumerate(profiled(given), 1):
        events += _process(record, profile, process)
    layout = "mean per inference, laid end to end in the graph's order; when each op ran is not known"
    document = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"run": given.run, "times": layout}}
    return json.dumps(document, ensure_ascii=False) + "\n"


def _process(record: Record, profile: Profile, process: int) -> list[dict[str, Any]]:
    label = {"ph": "M", "pid": process, "tid": 0, "name": "process_name", "args": {"name": name(record)}}
    thread = {"ph": "M", "pid": process, "tid": 0, "name": "thread_name", "args": {"name": profile.source}}
    total = _event(process, "inference", "inference", 0.0, profile.total_ns, {"inferences": profile.inferences})
    events, at_ns = [label, thread, total], 0.0
    for row in sorted(profile.rows, key=lambda row: row.position):
        events.append(_event(process, row.name or row.op_type, "op", at_ns, row.time_ns, _arguments(row)))
        at_ns += row.time_ns
    if profile.gap_ns > 0:
        events.append(_event(process, "gap", "gap", at_ns, profile.gap_ns, {"why": "stands in no op row"}))
    return events


def _arguments(row: OpRow) -> dict[str, Any]:
    known = {"op_type": row.op_type, "calls": row.calls, "where": row.where, "source_ops": list(row.source_ops)}
    return {key: value for key, value in known.items() if value}


def _event(
    process: int, title: str, category: str, at_ns: float, time_ns: float, more: dict[str, Any]
) -> dict[str, Any]:
    return {
        "ph": "X", "pid": process, "tid": 0, "name": title, "cat": category, "ts": at_ns / 1000, "dur": time_ns / 1000,
        "args": {"time_ns": time_ns, **more},
    }  # fmt: skip
