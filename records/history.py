"""The history of cases: which runs form a series, where its level changed, and whether a new step is there. Pure.

A series is one case on one device (fingerprint), with one runtime version, placement and clock state: those that
differ are never mixed, and what differs is the reason of the break. Failed and replayed records stand apart.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bench.records.index import Row
from bench.records.pins import Anchor, Identity
from bench.records.stats.changepoint import FEWEST, LONGEST, change_points
from bench.records.stats.latency import LEVEL
from bench.records.stats.student import t_quantile

TOLERANCE = 0.01  # a step up of less is none: the gate's default tolerance
LAST = 10
Word: TypeAlias = Literal["new step", "no new step", "too few runs", "not measured", "not comparable"]


@dataclass(frozen=True)
class Step:
    """A change of level. index: of its first run in the series; before_ns, after_ns: medians of the runs' medians.

    artifact: the model file of that run is another than that of the run before.
    """

    index: int
    run_id: str
    started: str
    before_ns: float
    after_ns: float
    artifact: bool

    @property
    def change(self) -> float:
        """0.05: 5 % slower."""
        return self.after_ns / self.before_ns - 1.0


@dataclass(frozen=True)
class Since:
    """The level of now over the anchor's median; low, high: 95 %, None where too few runs tell the spread."""

    anchor: Anchor
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Series:
    """Comparable runs, oldest first. breaks: how it differs from the case's series before it; empty for the first."""

    identity: Identity
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    breaks: tuple[str, ...]
    anchor: Anchor | None

    @property
    def medians_ns(self) -> list[float]:
        return [row.median_ns for row in self.rows if row.median_ns is not None]

    @property
    def level_ns(self) -> float:
        """The median of the medians since the last change."""
        return statistics.median(self._latest)

    @property
    def _latest(self) -> list[float]:
        return self.medians_ns[self.steps[-1].index if self.steps else 0 :]

    @property
    def enough(self) -> bool:
        return len(self.rows) >= FEWEST

    @property
    def unseen(self) -> int:
        """How many of the oldest runs no change is looked for in."""
        return max(0, len(self.rows) - LONGEST)

    @property
    def since_anchor(self) -> Since | None:
        """A prediction interval: the anchor is one run, and strays as any other of the level does."""
        if self.anchor is None:
            return None
        value = self.level_ns / self.anchor.median_ns
        logs = [math.log(each) for each in self._latest]
        if len(logs) < 3:
            return Since(self.anchor, value, None, None)
        half = t_quantile(0.5 + LEVEL / 2, len(logs) - 1) * statistics.stdev(logs) * math.sqrt(1 + 1 / len(logs))
        return Since(self.anchor, value, value * math.exp(-half), value * math.exp(half))

    def new_steps(self, last: int = LAST, tolerance: float = TOLERANCE) -> tuple[Step, ...]:
        """Steps up after the anchor (without one: within the last runs) that no later step took back."""
        limit = 1.0 + tolerance
        return tuple(
            step
            for step in self.steps
            if (step.run_id > self.anchor.run_id if self.anchor else step.index >= len(self.rows) - last)
            and step.after_ns > limit * step.before_ns
            and self.level_ns > limit * step.before_ns
        )


@dataclass(frozen=True)
class History:
    """One case: its series in the order in which they began, and what is shown apart and never used."""

    case_key: str
    device: str
    label: str
    series: tuple[Series, ...]
    failed: tuple[Row, ...] = ()
    replayed: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Judged:
    """The answer for one case on one device. steps: the new ones; series: None where nothing was measured."""

    word: Word
    why: str
    history: History
    series: Series | None
    steps: tuple[Step, ...] = field(default=())


def identity(row: Row) -> Identity:
    return Identity(fingerprint=row.fingerprint, runtime=row.runtime, placement=row.placement, clocks=row.clocks)


def histories(rows: Iterable[Row], anchors: Sequence[Anchor] = ()) -> list[History]:
    """Of readable rows, oldest first; cases in the order of their labels."""
    cases: dict[str, list[Row]] = {}
    for row in rows:
        if not row.damaged:
            cases.setdefault(row.case_key, []).append(row)
    found = [_history(key, group, anchors) for key, group in cases.items()]
    return sorted(found, key=lambda each: (each.label, each.device))


def usable(row: Row) -> bool:
    """Whether a row may stand in a series."""
    return row.measured and not row.replayed and row.median_ns is not None and row.median_ns > 0


def _history(key: str, rows: Sequence[Row], anchors: Sequence[Anchor]) -> History:
    by_identity: dict[Identity, list[Row]] = {}
    for row in filter(usable, rows):
        by_identity.setdefault(identity(row), []).append(row)
    pinned = {each.identity: each for each in anchors if each.case_key == key}
    series: list[Series] = []
    for who, group in by_identity.items():
        breaks = who.unlike(series[-1].identity) if series else ()
        series.append(Series(who, tuple(group), _steps(group), breaks, pinned.get(who)))
    return History(
        case_key=key,
        device=rows[-1].device,
        label=rows[-1].label,
        series=tuple(series),
        failed=tuple(row for row in rows if not row.replayed and not usable(row)),
        replayed=tuple(row for row in rows if row.replayed),
    )


def _steps(rows: Sequence[Row]) -> tuple[Step, ...]:
    medians = [row.median_ns for row in rows if row.median_ns is not None]
    found = change_points(medians)
    bounds = [0, *found, len(medians)]
    levels = [statistics.median(medians[begin:end]) for begin, end in itertools.pairwise(bounds)]
    return tuple(
        Step(
            index=index,
            run_id=rows[index].run_id,
            started=rows[index].started,
            before_ns=before,
            after_ns=after,
            artifact=rows[index].artifact != rows[index - 1].artifact,
        )
        for index, before, after in zip(found, levels, levels[1:], strict=False)
    )


def judge(history: History, last: int = LAST, tolerance: float = TOLERANCE) -> list[Judged]:
    """One answer for each device (fingerprint) that the case was run on: of its latest series."""
    latest: dict[str, Series] = {}
    for series in history.series:
        before = latest.get(series.identity.fingerprint)
        if before is None or _when(series.rows[-1]) > _when(before.rows[-1]):
            latest[series.identity.fingerprint] = series
    if not latest:
        why = "all its runs failed" if history.failed else "its runs were replayed from recordings"
        return [Judged("not measured", why, history, None)]
    return [_judged(history, series, last, tolerance) for series in latest.values()]


def _judged(history: History, series: Series, last: int, tolerance: float) -> Judged:
    steps = series.new_steps(last, tolerance)
    if steps:
        return Judged("new step", f"since run {steps[0].run_id}", history, series, steps)
    newest = max(
        (row for row in history.failed if row.fingerprint == series.identity.fingerprint), key=_when, default=None
    )
    if newest is not None and _when(newest) > _when(series.rows[-1]):
        return Judged(
            "not measured", f"its latest run {newest.run_id} failed: {newest.error or 'no number'}", history, series
        )
    if not series.enough:
        return Judged(
            "too few runs", f"{len(series.rows)} of the {FEWEST} that a step can be told from", history, series
        )
    return Judged("no new step", f"{len(series.rows)} runs", history, series)


def _when(row: Row) -> str:
    return row.started if row.kind == "file" else row.run_id  # a file of another tool is called as its user likes
