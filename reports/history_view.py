"""What `bench history` says: each case's series with their trend, their steps, and what is shown apart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench.records.history import History, Judged, Series, Step
from bench.records.index import Row
from bench.records.stats.changepoint import FEWEST
from bench.reports import format as fmt
from bench.reports import words
from bench.reports.blocks import Block, Heading, Note, Table
from bench.reports.compare_view import signed_percent
from bench.reports.terminal_show import moment

SCHEMA = 1
BARS = "▁▂▃▄▅▆▇█"
SPARKS = 20  # runs shown; the page of --plot has all
_FLAT = 1.02  # within 2 % a trend fills half of the height at most: noise must not look like mountains
_APART = 3


def blocks(found: Sequence[History]) -> list[Block]:
    """All cases; a break between two series of a case is a row with its reason."""
    told: list[Block] = []
    rows: list[tuple[str, ...]] = []
    for history in found:
        rows.append((case_text(history),))
        for series in history.series:
            if series.breaks:
                rows.append(("break: " + "; ".join(series.breaks),))
            rows.append(_row(series))
    heads = ("from, to", ">runs", ">latest", ">level", "trend", ">since the anchor")
    if rows:
        told.append(Table("Medians over runs", heads, tuple(rows)))
    told += [Note(text, style) for history in found for text, style in _steps(history)]
    told += [Note(text, "dim") for history in found for text in _apart(history)]
    return told


def case_text(history: History) -> str:
    return words.plain(" · ".join(filter(None, (history.device, history.label))))


def _row(series: Series) -> tuple[str, ...]:
    first, last = series.rows[0], series.rows[-1]
    known = (last.low_ns, last.high_ns) if last.low_ns is not None and last.high_ns is not None else None
    since = series.since_anchor
    anchor = "" if since is None else signed_percent(since.value - 1)
    if since is not None and since.low is not None and since.high is not None:
        anchor += f"\n[{signed_percent(since.low - 1)}, {signed_percent(since.high - 1)}]"
    return (
        f"{moment(first.started)[:10]}\n{moment(last.started)[:10]}",
        fmt.count(len(series.rows)),
        fmt.duration(last.median_ns, known),
        fmt.short_duration(series.level_ns),
        "\n".join([spark(series), _range(series), *_too_few(series)]),
        anchor or fmt.NONE,
    )


def _too_few(series: Series) -> list[str]:
    return [] if series.enough else [f"{len(series.rows)} of {FEWEST} runs for a step"]


def _range(series: Series) -> str:
    shown = series.medians_ns[-SPARKS:]
    return f"{fmt.short_duration(min(shown))} to {fmt.short_duration(max(shown))}"


def spark(series: Series) -> str:
    """`▂▂▁▂│▆▇▆`: the latest medians on a logarithmic scale, a line where a new level begins."""
    values = series.medians_ns
    begin = max(0, len(values) - SPARKS)
    low, high = math.log(min(values[begin:])), math.log(max(values[begin:]))
    room = max(high - low, 2 * math.log(_FLAT))
    base = (low + high - room) / 2
    starts = {step.index for step in series.steps}
    signs = ["…"] if begin else []
    for index in range(begin, len(values)):
        signs.append("│" if index in starts and index > begin else "")
        signs.append(BARS[min(len(BARS) - 1, int((math.log(values[index]) - base) / room * len(BARS)))])
    return "".join(signs)


def _steps(history: History) -> Iterable[tuple[str, str]]:
    for series in history.series:
        for step in series.steps:
            yield f"{case_text(history)}: {step_text(step)}", "warning" if step.change > 0 else ""
        if series.unseen:
            yield f"{case_text(history)}: no step is looked for in the oldest {series.unseen} runs.", "dim"


def step_text(step: Step) -> str:
    """`step +5.2 % at run ..., 2026-03-01 09:30, 1.10 ms to 1.16 ms; its model file is another`."""
    levels = f"{fmt.short_duration(step.before_ns)} to {fmt.short_duration(step.after_ns)}"
    text = f"step {signed_percent(step.change)} at run {step.run_id}, {moment(step.started)}, {levels}"
    return f"{text}; its model file is another than before" if step.artifact else text


def _apart(history: History) -> Iterable[str]:
    for name, rows in (("failed", history.failed), ("replayed from recordings", history.replayed)):
        if rows:
            shown = ", ".join(f"{row.run_id} ({_outcome(row)})" for row in rows[-_APART:])
            more = f"{len(rows) - _APART} more and " if len(rows) > _APART else ""
            yield f"{case_text(history)}: {name}, in no series: {more}{shown}"


def _outcome(row: Row) -> str:
    return row.error or ("no number" if row.median_ns is None else fmt.short_duration(row.median_ns))


def check_blocks(judged: Sequence[Judged]) -> list[Block]:
    """The answer of `--check`, the findings first."""
    told: list[Block] = [Heading("Check")]
    order = ("new step", "not measured", "not comparable", "too few runs", "no new step")
    for one in sorted(judged, key=lambda one: order.index(one.word)):
        told.append(
            Note(f"{one.word}: {case_text(one.history)}: {one.why}", "" if one.word == order[-1] else "warning")
        )
        told += [Note(f"  {step_text(step)}", "warning") for step in one.steps]
    return told


def document(found: Sequence[History], judged: Sequence[Judged] | None) -> dict[str, Any]:
    """For --json. Units stand in the key names."""
    return {
        "schema": SCHEMA,
        "cases": [
            {
                "key": history.case_key,
                "device": history.device,
                "label": history.label,
                "series": [_series(series) for series in history.series],
                "failed": [_point(row) for row in history.failed],
                "replayed": [_point(row) for row in history.replayed],
            }
            for history in found
        ],
        "check": None
        if judged is None
        else [
            {
                "word": one.word,
                "why": one.why,
                "key": one.history.case_key,
                "steps": [_step(step) for step in one.steps],
            }
            for one in judged
        ],
    }


def _series(series: Series) -> dict[str, Any]:
    since = series.since_anchor
    return {
        **{name: getattr(series.identity, name) for name in ("fingerprint", "runtime", "placement", "clocks")},
        "breaks": list(series.breaks),
        "enough_runs": series.enough,
        "level_ns": series.level_ns,
        "steps": [_step(step) for step in series.steps],
        "anchor": None
        if since is None
        else {
            "run": since.anchor.run_id,
            "median_ns": since.anchor.median_ns,
            "level_over_anchor": since.value,
            "low": since.low,
            "high": since.high,
        },
        "runs": [_point(row) for row in series.rows],
    }


def _step(step: Step) -> dict[str, Any]:
    return {**dataclasses.asdict(step), "change": step.change}


def _point(row: Row) -> dict[str, Any]:
    names = ("run_id", "started", "median_ns", "low_ns", "high_ns", "artifact", "bench_version", "error", "path")
    return {name: getattr(row, name) for name in names}
