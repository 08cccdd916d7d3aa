"""What `bench compare` says where files of other tools are among what is compared: by name, medians side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.records.comparison import Axis, Group, Topic, Unlike
from bench.records.foreign_compare import Beside, Foreign, Named, Side
from bench.records.foreign_facts import not_told, tool
from bench.records.foreign_series import ForeignSeries
from bench.records.types import Record
from bench.reports import compare_json, compare_view, view, words
from bench.reports import format as fmt
from bench.reports.blocks import Block, Heading, Note, Table
from bench.reports.compare_view import TWO_RUNS, differing, median_text, ratio_text, unlike_text

_WIDTH = 44
# What to name so that this may differ.
_AXIS: Mapping[Topic, Axis] = {"device": "device", "clocks": "device", "runtime": "backend", "placement": "backend"}


def names(record: Record) -> list[str]:
    """What a case may be called in a file of another tool: as `bench export` calls it, or by its model."""
    label = view.case_text(record.case, device=True)
    return [label, f"bench::{label}", view.case_text(record.case), record.case.model]


@dataclass(frozen=True)
class Compared:
    """All that stands side by side: benchmarks by name, records by case. alone: what nothing stands beside."""

    axes: Sequence[Axis]
    by_name: Sequence[Named]
    groups: Sequence[Group]
    alone: Sequence[Side]

    @property
    def any(self) -> bool:
        """Whether one pair could be compared."""
        verdicts = [pair.verdict for named in self.by_name for pair in named.pairs]
        return "" in [*verdicts, *(pair.verdict for group in self.groups for pair in group.pairs)]

    def blocks(self) -> list[Block]:
        """The whole comparison."""
        records = [side for side in self.alone if isinstance(side, Record)]
        theirs = [side for side in self.alone if isinstance(side, Foreign)]
        told: list[Block] = [*_differs(self.by_name), *_medians(self.by_name)]
        told += compare_view.blocks(self.groups, records, self.axes)
        if theirs and not records:
            told.append(Heading("Without a counterpart"))
        told += [Note(f"{words.plain(one.series.name)}: {side_text(one)}") for one in theirs]
        return [*told, *_not_told([*(side for group in self.by_name for side in group.sides), *theirs])]

    def document(self, files: Mapping[int, str]) -> dict[str, Any]:
        """For --json. files: id(record) -> its path. Units stand in the key names."""
        found = compare_json.document(self.groups, [], self.axes, files)
        alone = [_side(side, self.axes, files) for side in self.alone]
        benchmarks = [_named(group, self.axes, files) for group in self.by_name]
        return {**found, "benchmarks": benchmarks, "without_counterpart": alone}


def _differs(found: Sequence[Named]) -> list[Block]:
    pairs = [pair for group in found for pair in group.pairs]
    if not pairs:
        return []
    counts: dict[Unlike, int] = {}
    for pair in pairs:
        for one in pair.unlike:
            counts[one] = counts.get(one, 0) + 1
    everywhere = "everywhere" if len(pairs) > 1 else ""
    where = {one: everywhere if n == len(pairs) else f"{n} of {len(pairs)} pairs" for one, n in counts.items()}
    if not where:
        return [Heading("What differs besides"), Note("Nothing that the files tell.")]
    axes = dict.fromkeys(_AXIS[one.topic] for one in where if one.void and one.topic in _AXIS)
    return differing(where, " ".join(f"--by {axis}" for axis in axes))


def _medians(found: Sequence[Named]) -> list[Block]:
    rows: list[tuple[str, ...]] = []
    for group in found:
        rows.append((words.plain(group.name),))
        base = group.sides[0]
        rows.append((_named_side(base, group.name), _median(base), _placement(base), "base"))
        for other, pair in zip(group.sides[1:], group.pairs, strict=True):
            rows.append((_named_side(other, group.name), _median(other), _placement(other), _change(pair)))
    heads = ("file or run", ">median [95 %]", "placement", ">against the base")
    table = Table("Medians", heads, tuple(rows))
    return [Heading("Medians"), table, Note(TWO_RUNS, "dim")] if rows else []


def _named_side(side: Side, name: str) -> str:
    """With the case of a record below it, where the file's name does not tell it."""
    label = "" if isinstance(side, Foreign) else view.case_text(side.case, device=True)
    return "\n".join([side_text(side), *([words.plain(label)] if label and not name.endswith(label) else [])])


def side_text(side: Side) -> str:
    if isinstance(side, Foreign):
        return words.shorten(words.plain(side.file), _WIDTH)
    return words.plain(f"run {side.run.id}{' (replayed)' if side.replayed else ''}")


def _median(side: Side) -> str:
    """`12.31 ms`, `[12.2, 12.4]`, `250 in 5 processes` on three lines; or why there is none."""
    if not isinstance(side, Foreign):
        return median_text(side)
    series = side.series
    if series.centre_ns is None:
        return f"not measured\n{words.shorten(words.plain(series.error or 'neither median nor mean'), _WIDTH)}"
    low, high = series.interval_ns or (None, None)
    known = (low, high) if low is not None and high is not None else None
    mean = " (mean)" if series.median_ns is None else ""
    interval = fmt.interval(low, high, series.centre_ns, series.interval_reason)
    return "\n".join([fmt.duration(series.centre_ns, known) + mean, interval, _count(series)])


def _count(series: ForeignSeries) -> str:
    if series.of == "summary":
        return "count not told" if series.count is None else f"summary of {fmt.count(series.count)}"
    processes = len(series.invocations_ns)
    means = " means" if series.of == "means" else ""
    return f"{fmt.count(series.count or 0)}{means} in {processes} process{'es' if processes != 1 else ''}"


def _placement(side: Side) -> str:
    return "not told" if isinstance(side, Foreign) else view.placement_text(side.placement)


def _change(pair: Beside) -> str:
    return unlike_text(pair.verdict, pair.unlike) if pair.verdict else ratio_text(pair.ratio)


def _not_told(sides: Sequence[Side]) -> list[Block]:
    """By tool, what no file of it says: such times were compared on trust."""
    unknown: dict[str, dict[str, None]] = {}
    for side in sides:
        if isinstance(side, Foreign):
            unknown.setdefault(tool(side.series), {}).update(dict.fromkeys(not_told(side.series)))
    return [Note(f"Not told by {name}: {', '.join(what)}.", "dim") for name, what in unknown.items()]


def _named(group: Named, axes: Sequence[Axis], files: Mapping[int, str]) -> dict[str, Any]:
    return {
        "name": group.name,
        "sides": [_side(side, axes, files) for side in group.sides],
        "pairs": [
            {
                "other": number,
                "verdict": pair.verdict or None,
                "differs": compare_json.differs_document(pair.unlike),
                "ratio": compare_json.ratio_document(pair.ratio),
            }
            for number, pair in enumerate(group.pairs, 1)
        ],
    }


def _side(side: Side, axes: Sequence[Axis], files: Mapping[int, str]) -> dict[str, Any]:
    if not isinstance(side, Foreign):
        return compare_json.record_document(side, axes, files)
    series = side.series
    low, high = series.interval_ns or (None, None)
    return {
        "file": side.file,
        "name": series.name,
        "tool": series.tool,
        "at": series.at or None,
        "of": series.of,
        "count": series.count,
        "median_ns": series.median_ns,
        "mean_ns": series.mean_ns,
        "interval_95": {"low_ns": low, "high_ns": high},
        "reason": series.error or series.interval_reason or None,
        "placement": None,
        "not_told": list(not_told(series)),
    }
