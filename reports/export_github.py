"""Annotations for a GitHub job: workflow commands that the runner reads from a step's output.

https://docs.github.com/actions: `::error title=TITLE::MESSAGE`; `%`, line breaks, and in titles `:` and `,` are
escaped as percent signs with two hex digits. A step shows ten of each kind: the last one tells how many are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.records.verdicts import Verdict
from bench.reports import gate_text, view
from bench.reports.export_given import Given, name
from bench.reports.words import plain_lines

Level = Literal["error", "warning", "notice"]
SHOWN = 10
_LEVELS: dict[str, Level] = {
    "regressed": "error", "over budget": "error", "not measured": "error", "not comparable": "error",
    "inconclusive": "warning", "faster": "notice", "within limit": "notice",
}  # fmt: skip


def render(given: Given) -> str:
    """One line for each annotation, the grave ones first; a single notice where all is good."""
    found = [*_verdicts(given), *_budgets(given), *_records(given)]
    lines: list[str] = []
    for level in ("error", "warning", "notice"):
        mine = [(title, text) for each, title, text in found if each == level]
        if len(mine) > SHOWN:
            left = len(mine) - SHOWN + 1
            mine = [*mine[: SHOWN - 1], (f"bench: {left} more", f"{left} more of this kind: see the summary.")]
        lines += [f"::{level} title={_escaped(title, title=True)}::{_escaped(text)}" for title, text in mine]
    return "".join(f"{line}\n" for line in lines)


def _verdicts(given: Given) -> Iterator[tuple[Level, str, str]]:
    for verdict in given.verdicts:
        head, *rest = gate_text.verdict_lines(verdict)
        yield _LEVELS[verdict.word], _title(verdict), "\n".join([head, *(line.strip() for line in rest)])


def _title(verdict: Verdict) -> str:
    seen = "" if verdict.change is None else f" {gate_text.change(verdict.change)}"
    return f"{verdict.word}{seen}: {verdict.case.label}"


def _budgets(given: Given) -> Iterator[tuple[Level, str, str]]:
    for budget in given.budgets:
        if budget.word != "within budget":
            yield _LEVELS[budget.word], f"{budget.word}: {budget.case.label}", gate_text.budget_line(budget)


def _records(given: Given) -> Iterator[tuple[Level, str, str]]:
    for record in given.records:
        if view.numbers(record) is None:
            todo = record.error.todo if record.error else ""
            text = "\n".join(part for part in (view.error_text(record), todo) if part)
            yield "error", f"not measured: {name(record)}", text
    for told in view.told(given.records):
        if told.finding.severity != "info":
            text = "\n".join([*(what for what, _ in told.found), told.finding.remedy]).strip()
            yield ("error" if told.finding.severity == "error" else "warning"), f"bench: {told.finding.code}", text
    good = [(record, summary) for record in given.records if (summary := view.numbers(record)) is not None]
    if good:
        text = "\n".join(_line(record, summary) for record, summary in good)
        yield "notice", f"bench: {len(good)} of {len(given.records)} cases measured", text


def _line(record: Record, summary: LatencySummary) -> str:
    return f"{name(record)}: {view.median_text(summary)} {view.interval_text(summary)}, {record.placement.text}"


def _escaped(text: str, title: bool = False) -> str:
    escaped = plain_lines(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if title else escaped
