"""Benchmarks of other tools over files, as rows of a history: series, breaks and steps are then those of records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.records import history
from bench.records.foreign_compare import Foreign
from bench.records.foreign_facts import facts, tool
from bench.records.history import LAST, TOLERANCE, History, Judged
from bench.records.index import Row


def rows(found: Sequence[Foreign]) -> list[Row]:
    """One row for each benchmark of each file; each benchmark's in the order of its time stamps.

    Where one of its files has none (hyperfine writes none), all of them stand in the order given, and their `started`
    is `file 03`. What the tool does not tell of the machine is empty.
    """
    by_name: dict[str, list[Foreign]] = {}
    for each in found:
        by_name.setdefault(each.series.name, []).append(each)
    made: list[Row] = []
    for several in by_name.values():
        stamps = [instant(each.series.at) for each in several]
        dated = None not in stamps
        width = len(str(len(several)))
        starts = [stamp if dated and stamp else f"file {number:0{width}d}" for number, stamp in enumerate(stamps, 1)]
        ordered = sorted(zip(starts, several, strict=True), key=lambda both: both[0])
        made += [_row(each, started) for started, each in ordered]
    return made


def instant(at: str) -> str | None:
    """A tool's time stamp as records have it, in UTC to the millisecond; one without a zone is taken for UTC."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    try:
        return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return None


def dated(history: History) -> bool:
    """Whether its files tell when they were measured."""
    return not any(row.started.startswith("file ") for each in history.series for row in each.rows)


def _row(each: Foreign, started: str) -> Row:
    series, told = each.series, facts(each.series)
    low, high = series.interval_ns or (None, None)
    codes = series.environment.get("exit_codes")  # a command that fails does something else: another series
    runtime = f"{told.runtime}, exit code {codes}" if codes else told.runtime
    return Row(
        path=each.file, root="", size=0, mtime_ns=0, run_id=each.file, started=started, case_key=series.name,
        device="", backend=tool(series), accelerator="", model=series.name, variant="", threads=0, placement="",
        median_ns=series.centre_ns, low_ns=low, high_ns=high, n=series.count or 0, error=series.error, damaged="",
        label=series.name, kind="file", fingerprint=told.device, runtime=runtime, placement_kind="unknown",
        clocks=told.clocks, artifact="", bench_version="", schema=0,
    )  # fmt: skip


def judge(found: History, same_machine: bool, last: int = LAST, tolerance: float = TOLERANCE) -> list[Judged]:
    """As `history.judge`; a series whose tool tells no machine is `not comparable`, unless the user vouches for it."""
    return [
        one
        if same_machine or one.series is None or one.series.identity.fingerprint or one.word == "not measured"
        else dataclasses.replace(one, word="not comparable", why=_WHY, steps=())
        for one in history.judge(found, last, tolerance)
    ]


_WHY = "its files do not tell which machine measured; if it was one, say so: --same-machine"
