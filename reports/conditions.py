"""Clocks, temperatures, load and the rest in one small table: before, during and after the case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bench.records.types import Conditions, Reading, Record
from bench.reports import format as fmt
from bench.reports.words import plain

_NUMBERED = re.compile(r"^([a-z_]+)\d+(?=\.)")
_HERTZ = ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"))


@dataclass(frozen=True)
class ConditionRow:
    """One condition at three moments, as text. `cpu*.governor` stands for that of all numbered cores."""

    name: str
    before: str
    during: str
    after: str


def condition_table(record: Record) -> list[ConditionRow]:
    """The readings of a record that some moment knows, those of numbered parts (cpu0, cpu1, ...) put together."""
    before, during, after = _phases(record)
    names = [name for name in dict.fromkeys([*before, *during, *after]) if not _reasons(name, before, during, after)]
    return [ConditionRow(plain(name), _said(before, name), _said(during, name), _said(after, name)) for name in names]


def unknown_conditions(record: Record) -> list[tuple[str, str]]:
    """(reason, names) of what no moment could read: one line for all that share a reason."""
    phases = _phases(record)
    grouped: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for phase in phases for name in phase):
        reasons = _reasons(name, *phases)
        if reasons:
            grouped.setdefault("; ".join(reasons), []).append(plain(name))
    return [(plain(reason), ", ".join(names)) for reason, names in grouped.items()]


def _phases(record: Record) -> list[dict[str, list[Reading]]]:
    return [_readings(_of(record, phase)) for phase in ("before", "during", "after")]


def _reasons(name: str, *phases: dict[str, list[Reading]]) -> list[str]:
    """Why a condition is known at no moment; empty when it is known at one."""
    readings = [reading for phase in phases for reading in phase.get(name, [])]
    if any(reading.value is not None for reading in readings):
        return []
    return list(dict.fromkeys(reading.unavailable or "no reason given" for reading in readings))


def _of(record: Record, phase: str) -> list[Conditions]:
    found = [conditions for conditions in record.conditions if conditions.phase == phase]
    if phase == "during":
        found += [one.during for one in record.invocations if one.during is not None]
    return found


def _readings(moments: Iterable[Conditions]) -> dict[str, list[Reading]]:
    grouped: dict[str, list[Reading]] = {}
    for conditions in moments:
        for reading in conditions.readings:
            grouped.setdefault(_NUMBERED.sub(r"\1*", reading.name), []).append(reading)
    return grouped


def _said(grouped: dict[str, list[Reading]], name: str) -> str:
    """`1.90 to 2.40 GHz`, `performance`, `unavailable: no such file`; `not read` where nobody looked."""
    readings = grouped.get(name)
    if not readings:
        return "not read"
    known = [one for one in readings if one.value is not None]
    reasons = dict.fromkeys(one.unavailable or "no reason given" for one in readings if one.value is None)
    parts = [_range(known)] if known else []
    parts += [f"unavailable: {plain(reason)}" for reason in reasons]
    return "; ".join(parts)


def _range(readings: list[Reading]) -> str:
    unit = readings[0].unit
    values = [one.value for one in readings if isinstance(one.value, int | float) and not isinstance(one.value, bool)]
    if len(values) < len(readings):
        return plain(", ".join(dict.fromkeys(f"{one.value}" for one in readings)))
    low, high = min(values), max(values)
    if unit == "bytes":
        return fmt.size(low) if low == high else f"{fmt.size(low)} to {fmt.size(high)}"
    factor = 1.0
    if unit == "Hz":
        factor, unit = next(((f, name) for f, name in _HERTZ if high >= f), (1.0, "Hz"))
    first, last = _number(low / factor), _number(high / factor)
    return plain(f"{first if first == last else f'{first} to {last}'} {unit}".rstrip())


def _number(value: float) -> str:
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
