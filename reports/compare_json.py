"""What `bench compare --json` prints. Units stand in the key names; what is not known is null, with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench.records.comparison import Axis, Group, Pair, Unlike, axis_value
from bench.records.stats.differences import OpDifferences, Ratio
from bench.records.stats.throughput import throughput_ratio
from bench.records.types import Record
from bench.reports import energy_text, throughput_text, view
from bench.reports.compare_view import TWO_RUNS

SCHEMA = 1


def document(
    groups: Sequence[Group], alone: Sequence[Record], axes: Sequence[Axis], files: Mapping[int, str]
) -> dict[str, Any]:
    """files: id(record) -> its path."""
    return {
        "schema": SCHEMA,
        "by": list(axes),
        "note": TWO_RUNS,
        "groups": [
            {
                "records": [record_document(record, axes, files) for record in group.records],
                "pairs": [_pair(pair, group) for pair in group.pairs],
            }
            for group in groups
        ],
        "without_counterpart": [record_document(record, axes, files) for record in alone],
    }


def record_document(record: Record, axes: Sequence[Axis], files: Mapping[int, str]) -> dict[str, Any]:
    """One side of a comparison."""
    summary = view.numbers(record)
    return {
        "case": msgspec.to_builtins(record.case),
        "key": record.case_key,
        "label": view.case_text(record.case, device=True),
        "run": record.run.id,
        "record": files.get(id(record)),
        "axis": {axis: axis_value(record, axis) for axis in axes},
        "replayed": record.replayed,
        "placement": record.placement.text,
        "median_ns": summary.median_ns if summary else None,
        "interval_95": {"low_ns": summary.low_ns, "high_ns": summary.high_ns} if summary else None,
        "throughput": throughput_text.as_json(record),
        "energy": energy_text.as_json(record),
        "reason": None if summary else view.error_text(record),
    }


def _pair(pair: Pair, group: Group) -> dict[str, Any]:
    return {
        "other": next(index for index, record in enumerate(group.records) if record is pair.other),
        "verdict": pair.verdict or None,
        "differs": differs_document(pair.unlike),
        "ratio": ratio_document(pair.ratio),
        "throughput_ratio": None if pair.verdict else ratio_document(throughput_ratio(pair.base, pair.other)),
        "energy_ratio": None if pair.verdict else ratio_document(energy_text.ratio(pair.base, pair.other)),
        "ops": None if pair.ops is None else _ops(pair.ops),
    }


def differs_document(unlike: Sequence[Unlike]) -> list[dict[str, Any]]:
    """What differs, the void-making first."""
    return [
        {"topic": one.topic, "what": one.what, "base": one.base, "other": one.other, "void": one.void} for one in unlike
    ]


def ratio_document(ratio: Ratio | None) -> dict[str, Any] | None:
    """None: it could not be compared."""
    if ratio is None:
        return None
    return {"value": ratio.value, "low": ratio.low, "high": ratio.high, "reason": ratio.reason or None}


def _ops(ops: OpDifferences) -> dict[str, Any]:
    return {
        "pairs": [
            {
                "name": one.name,
                "aligned_by": one.how,
                "base": [row.position for row in one.base],
                "other": [row.position for row in one.other],
                "base_ns": one.base_ns,
                "other_ns": one.other_ns,
                "change_ns": one.change_ns,
            }
            for one in ops.pairs
        ],
        "only_base": msgspec.to_builtins(ops.only_base),
        "only_other": msgspec.to_builtins(ops.only_other),
        "gap_change_ns": ops.gap_ns,
        "total_change_ns": ops.total_ns,
    }
