"""What `bench history` says of files of other tools besides their series: what those tools do not tell."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.foreign_compare import Foreign
from bench.records.foreign_facts import not_told, tool
from bench.records.foreign_history import instant
from bench.reports.blocks import Block, Note


def notes(found: Sequence[Foreign]) -> list[Block]:
    """One note a tool."""
    told: list[Block] = []
    for name in dict.fromkeys(tool(each.series) for each in found):
        mine = [each.series for each in found if tool(each.series) == name]
        unknown = " and ".join(dict.fromkeys(what for series in mine for what in not_told(series)))
        text = f"Measured by {name}: {unknown} not told, so that a step may come from there too."
        if any(instant(series.at) is None for series in mine):
            text += " Without time stamps: in the order given."
        told.append(Note(text, "dim"))
    return told
