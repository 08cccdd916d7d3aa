"""What a sustained run says, in words: for the terminal, the HTML file and the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bench.records.stats.sustained import SustainedSummary, sustained_summary
from bench.records.sustained import Point, Sustained
from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports import view

if TYPE_CHECKING:
    from rich.console import Console

_WINDOW_S = 60.0


def lines(record: Record) -> list[tuple[str, str]]:
    """(name, value) of what is to be said; empty for a record of another kind."""
    run = record.sustained
    if run is None:
        return []
    found = sustained_summary(run)
    worked = f"{clock(run.took_s)} of {clock(run.asked_s)}, {fmt.counted(len(run.points), 'invocation')}"
    return [
        ("sustained", worked),
        ("slow-down", _ends(found)),
        ("throttling", _throttling(found)),
        ("temperature", _range([point.temperature_c for point in run.points], 1.0, "C")),
        ("CPU clock", _range([point.cpu_hz for point in run.points], 1e9, "GHz")),
        ("GPU clock", _range([point.gpu_hz for point in run.points], 1e6, "MHz")),
    ]


def line(record: Record) -> str:
    """The same in one line; empty for a record of another kind."""
    said = dict(lines(record))
    if not said:
        return ""
    heat = "" if said["temperature"].startswith(fmt.NONE) else f"; {said['temperature']}"
    return f"sustained {said['sustained']}: {said['slow-down']}; {said['throttling']}{heat}"


def print_lines(out: Console, records: Sequence[Record]) -> None:
    """A paragraph for each sustained record that was measured."""
    from bench.reports.terminal_grid import show_wrapped

    device = view.several_devices(records)
    for record in records:
        text = line(record) if record.measured else ""
        if text:
            show_wrapped(out, view.case_text(record.case, device), "  ", "bold")
            show_wrapped(out, f"  {text}", "  ", "")
            out.print()


def clock(seconds: float) -> str:
    """`4.2 s`, `90 s`, `10:00 min`, `1:30:00 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def window_text(found: SustainedSummary) -> str:
    """What first and last `minute` mean in a run of this length."""
    return "minute" if found.window_s >= _WINDOW_S else clock(found.window_s)


def _ends(found: SustainedSummary) -> str:
    """`12.3 ms in the first minute, 15.1 ms in the last: 1.23 times [1.19, 1.27]`."""
    first, last = fmt.short_duration(found.first_ns), fmt.short_duration(found.last_ns)
    text = f"{first} in the first {window_text(found)}, {last} in the last"
    if found.slowdown.ratio is None:
        return f"{text}: {fmt.NONE} ({found.slowdown.reason})"
    if found.slowdown.low is None or found.slowdown.high is None:
        return f"{text}: {found.slowdown.ratio:.2f} times, no interval ({found.slowdown.reason})"
    return f"{text}: {found.slowdown.ratio:.2f} times [{found.slowdown.low:.2f}, {found.slowdown.high:.2f}]"


def _throttling(found: SustainedSummary) -> str:
    if found.throttling.throttled is None:
        return f"throttling point unknown: {found.throttling.reason}"
    if found.throttling.at_s is None:
        return f"no throttling point: {found.throttling.reason}"
    return f"throttling point at {clock(found.throttling.at_s)}: {found.throttling.reason}"


def _range(values: Sequence[float | None], factor: float, unit: str) -> str:
    """`41 to 68 C`: lowest and highest; `41 C` where it stood still."""
    known = [value / factor for value in values if value is not None]
    if not known:
        return f"{fmt.NONE} not known"
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def cells(point: Point) -> list[str]:
    """Time, latency, temperature and clocks of one point."""
    heat = fmt.NONE if point.temperature_c is None else f"{point.temperature_c:.1f} C"
    cpu = fmt.NONE if point.cpu_hz is None else f"{point.cpu_hz / 1e9:.2f} GHz"
    gpu = fmt.NONE if point.gpu_hz is None else f"{point.gpu_hz / 1e6:.0f} MHz"
    return [clock(point.at_ns / 1e9), fmt.duration(point.centre_ns), heat, cpu, gpu]


def as_json(run: Sustained | None) -> dict[str, Any] | None:
    """The points and what follows from them; None for a record of another kind."""
    if run is None:
        return None
    found = sustained_summary(run)
    return {
        "asked_s": run.asked_s,
        "took_s": run.took_s,
        "window_s": found.window_s,
        "first_window_ns": found.first_ns,
        "last_window_ns": found.last_ns,
        "slowdown": {
            "ratio": found.slowdown.ratio,
            "interval_95": {
                "low": found.slowdown.low,
                "high": found.slowdown.high,
                "reason": found.slowdown.reason or None,
            },
        },
        "throttling": {
            "throttled": found.throttling.throttled,
            "at_s": found.throttling.at_s,
            "until_s": found.throttling.until_s,
            "threshold_ns": found.throttling.threshold_ns,
            "reason": found.throttling.reason,
        },
        "points": msgspec.to_builtins(run.points),
    }
