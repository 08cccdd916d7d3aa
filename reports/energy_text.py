"""A record's energy in words: what an inference drew, what of it is above rest, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.records.energy import Energy, RailEnergy
from bench.records.stats.differences import Ratio
from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports.words import plain

HEAD = "energy/inference"
_SCOPES = {
    "board": "all of the board",
    "package": "the CPU's package",
    "part": "a part of it",
    "unknown": "nobody tells what it feeds",
}
_JOULES = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
_NO_INTERVAL = "one course of readings each"
_SELDOM = 3  # changes below which a meter looked so seldom that its value may be that of another moment


def joules(value: float | None) -> str:
    """`10.2 mJ`, three significant digits."""
    return _scaled(value, _JOULES)


def watts(value: float | None) -> str:
    return _scaled(value, ((1.0, "W"), (1e-3, "mW")))


def _scaled(value: float | None, units: tuple[tuple[float, str], ...]) -> str:
    if value is None:
        return fmt.NONE
    factor, unit = next(((f, unit) for f, unit in units if abs(value) >= f * 0.9995), units[-1])
    if abs(value) < units[-1][0] * 1e-3:  # what a difference of equal sums leaves
        return f"0 {unit}"
    digits = f"{abs(value) / factor:.2e}"
    decimals = max(0, 2 - int(digits.partition("e")[2]))
    return f"{value / factor:.{min(decimals, 3)}f} {unit}"


def chosen(record: Record) -> RailEnergy | None:
    """The rail that stands for the case: the board's, else the only package, else the only one that is no part.

    A package stands for what the CPU computes alone: a GPU or TPU may lie beside it, and draws what it does not show.
    """
    energy = record.energy
    if energy is None:
        return None
    if energy.whole is not None:
        return energy.whole
    for scope in ("package", "unknown"):
        rails = [rail for rail in energy.known if rail.scope == scope]
        if rails:
            alone = len(rails) == 1 and (scope != "package" or record.case.accelerator == "cpu")
            return rails[0] if alone else None
    return None


def asked(records: Iterable[Record]) -> bool:
    """Whether there is anything to show a column for."""
    return any(record.energy is not None and record.energy.known for record in records)


def lines(record: Record) -> list[str]:
    """For a column: `10.2 mJ`, `net 2.04 mJ`, `4.00 W vdd_in`, and of a meter that hardly moved `changed 1 time`.

    A dash where there is no rail to stand for the case.
    """
    rail, energy = chosen(record), record.energy
    if rail is None:
        known = energy.known if energy is not None else ()
        return [f"{fmt.NONE} {fmt.counted(len(known), 'rail')}, none is the board's"] if known else [fmt.NONE]
    net = f"net {joules(rail.net_joules_per_inference)}" if rail.net_w is not None else f"net {fmt.NONE}"
    still = [f"changed {fmt.counted(rail.changes, 'time')}"] if rail.changes < _SELDOM else []
    return [joules(rail.joules_per_inference), net, plain(f"{watts(rail.mean_w)} {rail.name}"), *still]


def one_line(record: Record) -> str:
    """`10.2 mJ an inference, net 2.04 mJ, 4.00 W vdd_in`; empty where no rail stands for the case."""
    if chosen(record) is None:
        return ""
    first, *rest = lines(record)
    return ", ".join([f"{first} an inference", *rest])


def details(record: Record) -> list[tuple[str, str]]:
    """Names and values of all that is known; empty where nobody looked."""
    energy = record.energy
    if energy is None:
        return []
    if energy.unavailable:
        return [("energy", plain(f"{fmt.NONE} {energy.unavailable}"))]
    return [(f"energy {plain(rail.name)}", plain(_rail(rail))) for rail in energy.rails] + [
        ("energy from", _how(energy))
    ]


def _rail(rail: RailEnergy) -> str:
    if rail.unavailable:
        return f"{fmt.NONE} {rail.unavailable}"
    rest = f"{watts(rail.idle_w)} at rest" if rail.idle_w is not None else f"at rest {fmt.NONE} ({rail.idle_reason})"
    net = f", net {joules(rail.net_joules_per_inference)}" if rail.net_w is not None else ""
    step = f" in steps of {watts(rail.resolution_w)}" if rail.resolution_w is not None else ""
    rate = f", {rail.rate_hz:.3g} a second" if rail.rate_hz is not None else ""
    parts = [
        _SCOPES[rail.scope],
        f"{joules(rail.joules_per_inference)} an inference{net}",
        f"{watts(rail.mean_w)} on average, {rest}",
        f"{fmt.counted(rail.samples, 'reading')}{rate}{step}, the value changed {fmt.counted(rail.changes, 'time')}",
    ]
    return "; ".join(parts)


def _how(energy: Energy) -> str:
    busy = fmt.percent(energy.timed_ns / energy.watched_ns if energy.watched_ns else None)
    when = f"; their time is known {energy.located}" if energy.located else ""
    counts = f"{fmt.counted(energy.inferences, 'inference')} in {energy.watched_ns / 1e9:.3g} s, {busy} of it at work"
    return plain(f"{energy.source}: {counts}{when}")


def as_json(record: Record) -> dict[str, Any] | None:
    """The record's part, and `rail`: the one that stands for the case. None where nobody looked."""
    import msgspec

    if record.energy is None:
        return None
    rail = chosen(record)
    return {**msgspec.to_builtins(record.energy), "rail": rail.name if rail else None}


def ratio(base: Record, other: Record) -> Ratio | None:
    """Of the energy of an inference; None where not both have it from rails of one name and scope."""
    left, right = chosen(base), chosen(other)
    if left is None or right is None or (left.name, left.scope) != (right.name, right.scope):
        return None
    if not left.joules_per_inference or right.joules_per_inference is None:
        return None
    return Ratio(right.joules_per_inference / left.joules_per_inference, None, None, _NO_INTERVAL)
