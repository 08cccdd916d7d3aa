"""What `bench history` says of files of other tools besides their series: what those tools do not tell."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.foreign_compare import Foreign
from bench.records.foreign_facts import not_told, tool
from bench.records.foreign_history import instant
from bench.reports import words
from bench.reports.blocks import Block, Note


def notes(found: Sequence[Foreign], everything: Sequence[Foreign]) -> list[Block]:
    """One note a tool, one for each benchmark that a later file lacks. everything: what is not shown, too."""
    told: list[Block] = []
    for name in dict.fromkeys(tool(each.series) for each in found):
        mine = [each.series for each in found if tool(each.series) == name]
        unknown = " and ".join(dict.fromkeys(what for series in mine for what in not_told(series)))
        text = f"Measured by {name}: {unknown} not told, so that a step may come from there too."
        if any(instant(series.at) is None for series in mine):
            text += " Without time stamps: in the order given."
        told.append(Note(text, "dim"))
    chosen = {each.series.name for each in found}
    for name, file in gone(everything):
        if name in chosen:
            text = f"{words.plain(name)}: not in {words.plain(file)}, so what stands here of it is from before."
            told.append(Note(text, "warning"))
    return told


def gone(found: Sequence[Foreign]) -> list[tuple[str, str]]:
    """(benchmark, newest file without it), where that file has another benchmark of the last file that had it."""
    files: dict[str, list[Foreign]] = {}
    for each in found:
        files.setdefault(each.file, []).append(each)
    dated = all(instant(each.series.at) for each in found)
    order = sorted(files, key=lambda file: instant(files[file][0].series.at) or "") if dated else list(files)
    names = {file: {each.series.name for each in files[file]} for file in order}
    told = []
    for name in dict.fromkeys(each.series.name for each in found):
        last = max(number for number, file in enumerate(order) if name in names[file])
        later = [file for file in order[last + 1 :] if names[file] & names[order[last]]]
        told += [(name, later[-1])] if later else []
    return told
