"""The findings of a run on a terminal: each kind once, with where it was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.records.types import Record
from bench.reports import view, words
from bench.reports.terminal_grid import show_wrapped

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_EACH = 3  # sayings of one kind of finding; the report has all
_SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def print_findings(out: Console, records: Sequence[Record]) -> None:
    from rich.text import Text

    told = view.told(records)
    if not told:
        return
    out.print(Text("Findings", "bold"))
    cases = len({view.case_text(record.case, True) for record in records})
    for one in told:
        finding = one.finding
        several = len(one.found) > 1
        label = _where_found(one.cases, cases)
        what = label if several else f"{finding.what} {label}"
        head = words.plain(f"{finding.severity} [{finding.code}] {what}".rstrip())
        show_wrapped(out, head, "  ", _SEVERITY_STYLES[finding.severity])
        if several:
            for each, where in one.found[:SHOWN_EACH]:
                show_wrapped(out, words.plain(f"  {each} {_where_found(where, cases)}".rstrip()), "    ", "")
            if len(one.found) > SHOWN_EACH:
                show_wrapped(out, f"  and {len(one.found) - SHOWN_EACH} more", "    ", "")
        if finding.why:
            show_wrapped(out, f"  {words.plain(finding.why)}", "  ", "")
        if finding.remedy:
            show_wrapped(out, f"  -> {words.plain(finding.remedy)}", "     ", "")
    out.print()


def _where_found(labels: Sequence[str], cases: int) -> str:
    """Empty when it was found everywhere."""
    if len(labels) >= cases:
        return ""
    return f"({labels[0]})" if len(labels) == 1 else f"({len(labels)} of {cases} cases)"
