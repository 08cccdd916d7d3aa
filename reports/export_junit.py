"""JUnit XML: one suite for the run, one test case for each case that was measured, checked or compared.

What `bench` exits with says how a case stands: 1 (regressed, over budget) is a failure, 4 (not measured, not
comparable) an error, 3 (inconclusive) is skipped. Nothing that was not measured passes.

Structure: testsuites > testsuite > properties, testcase > properties, failure | error | skipped, system-out, as
Jenkins' and GitLab's readers take it. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from xml.etree import ElementTree

from bench.base.errors import NotMeasuredError
from bench.records.types import Record
from bench.records.verdicts import BudgetVerdict, Verdict
from bench.reports import gate_text, view
from bench.reports.export_given import Given, command_text, facts, name, started
from bench.reports.words import plain, plain_lines

Outcome = Literal["", "failure", "error", "skipped"]
_OUTCOMES: dict[str, Outcome] = {
    "regressed": "failure", "over budget": "failure", "not measured": "error", "not comparable": "error",
    "inconclusive": "skipped", "within limit": "", "within budget": "", "faster": "",
}  # fmt: skip
# Written by hand: the library would declare the encoding of the host.
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_GRAVEST: tuple[Outcome, ...] = ("failure", "error", "skipped", "")


@dataclass(frozen=True)
class _Row:
    name: str
    room: str
    seconds: float
    outcome: Outcome = ""
    kind: str = ""
    message: str = ""
    details: str = ""
    said: str = ""
    facts: dict[str, str | int | float] = field(default_factory=dict)


def render(given: Given) -> str:
    """The document. Raises NotMeasuredError for a run without records and verdicts: no test is no good news."""
    rows = [_compared(verdict) for verdict in given.verdicts]
    rows += [
        _measured(record, [each for each in given.budgets if each.case == record.case]) for record in given.records
    ]
    if not rows:
        raise NotMeasuredError(f"run {given.run} has nothing to export", "It holds no record and no verdict.", "")
    counts = {
        "tests": str(len(rows)),
        **{f"{what}s": str(sum(row.outcome == what for row in rows)) for what in ("failure", "error")},
        "skipped": str(sum(row.outcome == "skipped" for row in rows)),
        "time": _seconds(sum(row.seconds for row in rows)),
    }
    root = ElementTree.Element("testsuites", {"name": "bench", **counts})
    at = given.verdicts[0].at if given.verdicts else started(given.records)
    device = (given.verdicts or given.records)[0].device
    about = {"name": f"bench {plain(given.run)}", "hostname": plain(device.name), "timestamp": at[:19]}
    suite = ElementTree.SubElement(root, "testsuite", {**about, **counts})
    _properties(suite, _about(given))
    for row in rows:
        _case(suite, row)
    ElementTree.indent(root)
    return f"{_DECLARATION}{ElementTree.tostring(root, encoding='unicode')}\n"


def _about(given: Given) -> dict[str, str | int | float]:
    if given.verdicts:
        command, version = given.verdicts[0].command, given.verdicts[0].bench_version
    else:
        command, version = given.records[0].run.command, given.records[0].run.bench_version
    return {"run": given.run, "command": command_text(command), "bench_version": version}


def _case(suite: ElementTree.Element, row: _Row) -> None:
    case = ElementTree.SubElement(suite, "testcase", name=row.name, classname=row.room, time=_seconds(row.seconds))
    _properties(case, row.facts)
    if row.outcome:
        found = ElementTree.SubElement(case, row.outcome, message=plain(row.message))
        if row.outcome != "skipped":
            found.set("type", plain(row.kind))
        found.text = plain_lines(row.details)
    if row.said:
        ElementTree.SubElement(case, "system-out").text = plain_lines(row.said)


def _properties(parent: ElementTree.Element, found: dict[str, str | int | float]) -> None:
    if found:
        properties = ElementTree.SubElement(parent, "properties")
        for key, value in found.items():
            ElementTree.SubElement(properties, "property", name=key, value=plain(str(value)))


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _compared(verdict: Verdict) -> _Row:
    lines = gate_text.verdict_lines(verdict)
    said, outcome = "\n".join(lines), _OUTCOMES[verdict.word]
    return _Row(
        name=plain(verdict.case.label), room=f"bench.gate.{plain(verdict.case.device)}", seconds=verdict.seconds,
        outcome=outcome, kind=verdict.word, message=f"{verdict.word}: {lines[1].strip()}",
        details=said, said="" if outcome else said,
    )  # fmt: skip


def _measured(record: Record, budgets: Sequence[BudgetVerdict]) -> _Row:
    summary = view.numbers(record)
    lines = [gate_text.budget_line(each) for each in budgets]
    outcomes = [(_OUTCOMES[each.word], each) for each in budgets]
    outcome: Outcome = min((found for found, _ in outcomes), key=_GRAVEST.index, default="")
    base = _Row(
        name=name(record), room=f"bench.run.{plain(record.case.device)}",
        seconds=sum(each.timed_ns for each in record.invocations) / 1e9,
        facts={} if summary is None else {"median_ns": summary.median_ns, **facts(record, summary)},
    )  # fmt: skip
    if summary is None:
        return _failed(record, base, lines)
    said = f"median {view.median_text(summary)} {view.interval_text(summary)}, {view.samples_text(summary)}"
    said = "\n".join([said, *view.marks(record), view.placement_text(record.placement), *lines])
    if not outcome:
        return replace(base, said=said)
    grave = [gate_text.budget_line(each) for found, each in outcomes if found == outcome]
    word = next(each.word for found, each in outcomes if found == outcome)
    return replace(base, outcome=outcome, kind=word, message="; ".join(grave), details="\n".join(lines), said=said)


def _failed(record: Record, base: _Row, lines: list[str]) -> _Row:
    error = record.error
    details = [] if error is None else [error.message, error.todo, error.stderr_tail]
    return replace(
        base, outcome="error", kind="not measured" if error is None else error.kind, message=view.error_text(record),
        details="\n".join(each for each in (*details, *lines) if each),
    )  # fmt: skip
