"""Absolute budgets against a record: pure. What is not known is `not measured`, never passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.gate.config import Budget
from bench.records.stats.latency import LatencySummary, latency_summary
from bench.records.types import Record
from bench.records.verdicts import BudgetVerdict, BudgetWord

_NO_TELL = "it was not told"


@dataclass(frozen=True)
class _Quantity:
    """find: its value in `unit`, or the reason why it is not known."""

    name: str
    unit: str
    find: Callable[[Record, LatencySummary], float | str]


def _ms(value_ns: float | None, reason: str = _NO_TELL) -> float | str:
    return reason if value_ns is None else value_ns / 1e6


def _peak(record: Record, summary: LatencySummary) -> float | str:
    if summary.peak_bytes is not None:
        return summary.peak_bytes / 1e6
    return next((each.memory.reason for each in record.invocations if each.memory.reason), _NO_TELL)


def _size(record: Record, summary: LatencySummary) -> float | str:
    return "the record names no artifact" if record.artifact is None else record.artifact.graph.size_bytes / 1e6


_QUANTITIES = (
    _Quantity("median_ms", "ms", lambda record, summary: _ms(summary.median_ns)),
    _Quantity("p90_ms", "ms", lambda record, summary: _ms(summary.p90.value_ns, summary.p90.reason)),
    _Quantity("p95_ms", "ms", lambda record, summary: _ms(summary.p95.value_ns, summary.p95.reason)),
    _Quantity("load_ms", "ms", lambda record, summary: _ms(summary.load_ns)),
    _Quantity("first_ms", "ms", lambda record, summary: _ms(summary.first_inference_ns)),
    _Quantity("peak_mb", "MB", _peak),
    _Quantity("artifact_mb", "MB", _size),
)


def budgets(record: Record, rows: Sequence[Budget]) -> list[BudgetVerdict]:
    """The verdicts on a record of all budgets that mean its case, in their order; none where none does."""
    found: list[BudgetVerdict] = []
    summary = latency_summary(record) if _counts(record) else None
    for row in rows:
        if not row.matches(record.case):
            continue
        for quantity in _QUANTITIES:
            most = getattr(row, quantity.name)
            if most is not None:
                found.append(_number(record, summary, quantity, most))
        found += [check(record) for asked, check in ((row.placement, _placed), (row.agreement, _agreed)) if asked]
    return found


def _number(record: Record, summary: LatencySummary | None, quantity: _Quantity, most: float) -> BudgetVerdict:
    budget = f"at most {most:g} {quantity.unit}"
    name = quantity.name.rpartition("_")[0]
    value = _why_not(record) if summary is None else quantity.find(record, summary)
    if isinstance(value, str):
        return BudgetVerdict(
            case=record.case, quantity=name, budget=budget, found="", word="not measured", reason=value
        )
    word: BudgetWord = "within budget" if value <= most else "over budget"
    return BudgetVerdict(case=record.case, quantity=name, budget=budget, found=_text(value, most, quantity), word=word)


def _text(value: float, most: float, quantity: _Quantity) -> str:
    """Four digits, or as many as it takes to tell it from the budget."""
    digits = next((n for n in range(4, 17) if value == most or float(f"{value:.{n}g}") != most), 17)
    return f"{value:.{digits}g} {quantity.unit}"


def _counts(record: Record) -> bool:
    """What was replayed tells of another day's device: it never gates."""
    return record.measured and not record.device.replayed


def _why_not(record: Record) -> str:
    if record.device.replayed:
        return "it was replayed, not measured"
    return record.error.message if record.error is not None else "the record has no times"


def _placed(record: Record) -> BudgetVerdict:
    placement = record.placement
    unknown = placement.kind == "unknown" or not _counts(record)
    return BudgetVerdict(
        case=record.case, quantity="placement", budget="full", found="" if unknown else placement.text,
        word="not measured" if unknown else "within budget" if placement.kind == "full" else "over budget",
        reason=_placement_reason(record) if unknown else "",
    )  # fmt: skip


def _placement_reason(record: Record) -> str:
    return record.placement.reason if _counts(record) else _why_not(record)


def _agreed(record: Record) -> BudgetVerdict:
    agreement = record.agreement
    ok = None if agreement is None or not _counts(record) else agreement.ok
    reason = "it was not compared" if agreement is None else agreement.reason
    reason = reason if _counts(record) else _why_not(record)
    return BudgetVerdict(
        case=record.case, quantity="agreement", budget="with the reference",
        found="" if ok is None else "agrees" if ok else "differs",
        word="not measured" if ok is None else "within budget" if ok else "over budget", reason="" if ok else reason,
    )  # fmt: skip


def without_record(rows: Sequence[Budget], records: Sequence[Record]) -> list[str]:
    """The budgets that no record is about, in words: nothing was measured for them."""
    return [
        "[[gate.budget]] " + (" ".join(f'{axis}="{getattr(row, axis)}"' for axis in _AXES if getattr(row, axis)) or "*")
        for row in rows
        if not any(row.matches(record.case) for record in records)
    ]


_AXES = ("model", "device", "backend", "accelerator", "variant")
