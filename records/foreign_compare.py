"""Benchmarks of other tools beside each other and beside records, by name: what differs, and by how much. Pure.

The rules are those of `comparison`: what neither side knows is no difference, what only one knows is. A file of another
tool never knows its placement, and often not its machine: beside a record the user must say that these differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.records.comparison import (
    UNKNOWN,
    VOIDING,
    Axis,
    Topic,
    Unlike,
    brings,
    clock_limits,
    clock_state,
    rest,
    runtime_text,
    unlike,
)
from bench.records.foreign_facts import facts
from bench.records.foreign_series import ForeignSeries
from bench.records.stats.differences import Ratio, median_ratio, ratio_interval
from bench.records.stats.latency import invocation_medians, latency_summary
from bench.records.types import Record


@dataclass(frozen=True)
class Foreign:
    """One benchmark of a file of another tool. file: as it was named."""

    series: ForeignSeries
    file: str


Side: TypeAlias = Record | Foreign


@dataclass(frozen=True)
class Beside:
    """Two sides of one name. ratio is None where they cannot be compared; verdict: as `comparison.Pair`'s."""

    base: Side
    other: Side
    unlike: tuple[Unlike, ...]
    ratio: Ratio | None

    @property
    def verdict(self) -> str:
        if not centre_ns(self.base) or not centre_ns(self.other):  # none, or 0 ns: nothing is a share of that
            return "not measured"
        return "not comparable" if any(one.void for one in self.unlike) else ""


@dataclass(frozen=True)
class Named:
    """The sides of one name: the first is the base of all pairs."""

    name: str
    sides: tuple[Side, ...]
    pairs: tuple[Beside, ...]


def named(
    sides: Sequence[Side], names: Callable[[Record], Sequence[str]], axes: Sequence[Axis]
) -> tuple[list[Named], list[Side]]:
    """Sides of the same name together, in the order given; and those whose name is theirs alone.

    names: what a record may be called, the most exact first.
    """
    theirs = {side.series.name for side in sides if isinstance(side, Foreign)}
    by_name: dict[str, list[Side]] = {}
    alone: list[Side] = []
    for side in sides:
        called = [side.series.name] if isinstance(side, Foreign) else [name for name in names(side) if name in theirs]
        if called:
            by_name.setdefault(called[0], []).append(side)
        else:
            alone.append(side)
    found = []
    for name, (base, *others) in by_name.items():
        if others:
            found.append(Named(name, (base, *others), tuple(pair(base, other, axes) for other in others)))
        else:
            alone.append(base)
    return found, alone


def pair(base: Side, other: Side, axes: Sequence[Axis]) -> Beside:
    """What differs, and by how much the times do where they can be compared."""
    if isinstance(base, Record) and isinstance(other, Record):
        # A file's name may stand for several cases: `prisma` for its runs on one thread and on four.
        case = Unlike("case", "case", base.case.label, other.case.label, True)
        cases = () if rest(base.case, axes) == rest(other.case, axes) else (case,)
        found = Beside(base, other, (*cases, *unlike(base, other, axes)), None)
        return found if found.verdict else Beside(base, other, found.unlike, median_ratio(base, other))
    found = Beside(base, other, tuple(_unlike(base, other, brings(axes))), None)
    one, two = centre_ns(base), centre_ns(other)
    if found.verdict or one is None or two is None:
        return found
    return Beside(base, other, found.unlike, _ratio(one, two, _medians_ns(base), _medians_ns(other)))


def _ratio(base_ns: float, other_ns: float, bases_ns: Sequence[float], others_ns: Sequence[float]) -> Ratio:
    value = other_ns / base_ns
    bounds = ratio_interval(bases_ns, others_ns)
    if isinstance(bounds, str):
        return Ratio(value, None, None, bounds)
    return Ratio(value, min(bounds[0], value), max(bounds[1], value))


def centre_ns(side: Side) -> float | None:
    """The median, else the mean where a tool told no more; None: no time."""
    if isinstance(side, Foreign):
        return side.series.centre_ns
    summary = latency_summary(side) if side.measured else None
    return summary.median_ns if summary is not None else None


def _medians_ns(side: Side) -> list[float]:
    return side.series.medians_ns if isinstance(side, Foreign) else invocation_medians(side.invocations)


def _unlike(base: Side, other: Side, brought: frozenset[Topic]) -> list[Unlike]:
    left, right = dict(_told(base)), dict(_told(other))
    found = [
        Unlike(topic, what, one or UNKNOWN, two or UNKNOWN, topic in VOIDING and topic not in brought)
        for (topic, what), one, two in ((key, left.get(key, ""), right.get(key, "")) for key in {**left, **right})
        if one != two
    ]
    return sorted(found, key=lambda one: not one.void)


def _told(side: Side) -> Iterable[tuple[tuple[Topic, str], str]]:
    """What is known of a side, in text; empty: it is not."""
    if isinstance(side, Record):
        held = clock_state(side)
        limits = {name: f"{value / 1e9:.2f} GHz" for name, value in clock_limits(side).items()}
        yield ("device", "device"), f"{side.device.title} ({side.device.fingerprint})"
        yield ("clocks", "clocks"), ", ".join(f"{name} {value}" for name, value in {**held, **limits}.items())
        yield ("runtime", "runtime"), runtime_text(side.tool) if side.tool else ""
        yield ("case", "number"), "median"
        yield ("case", "exit code"), "0"
        yield ("placement", "placement"), "" if side.placement.kind == "unknown" else side.placement.text
        yield ("environment", "tool"), f"bench {side.run.bench_version}"
        summary = latency_summary(side)
        yield ("environment", "times"), summary.of if summary else ""
        return
    told = facts(side.series)
    yield ("device", "device"), told.device
    yield ("clocks", "clocks"), told.clocks
    yield ("runtime", "runtime"), told.runtime
    yield ("case", "number"), "mean" if side.series.median_ns is None else "median"
    yield ("placement", "placement"), ""
    yield ("environment", "tool"), side.series.tool
    yield ("environment", "times"), side.series.of
    yield ("case", "exit code"), side.series.environment.get("exit_codes", "0")
    yield ("environment", "host"), told.host
    yield ("environment", "system"), told.system
