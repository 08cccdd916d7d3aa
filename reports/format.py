"""Numbers for people: a unit that fits, and only the digits that are known. Times come in ns, sizes in bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.records.stats import Percentile

NONE = "—"
_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_SIZE_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_DIGITS = 4  # significant, where no interval says how many are known
_MAX_DIGITS = 5


@dataclass(frozen=True)
class Scale:
    """How an estimate is written: divide by `factor`, round to `decimals`, put `unit` behind."""

    factor: float
    unit: str
    decimals: int

    def number(self, value: float) -> str:
        return f"{value / self.factor:.{self.decimals}f}"

    def text(self, value: float) -> str:
        return f"{self.number(value)} {self.unit}"


def _exponent(value: float, digits: int = 15) -> int:
    """The power of ten of the leading digit, once rounded to so many digits (0.9996 is a 1.00); 0 for 0."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _time_unit(value_ns: float) -> tuple[float, str]:
    # A value that would round up to 1000 of a unit belongs to the next one: 999.96 µs is 1.000 ms.
    return next(((f, unit) for f, unit in _TIME_UNITS if abs(value_ns) >= f * 0.99995), _TIME_UNITS[-1])


def scale(value_ns: float, interval: tuple[float, float] | None = None) -> Scale:
    """The scale of a time: its last digit is the leading digit of half the interval's width.

    At least two significant digits, at most five; four where there is no interval.
    """
    factor, unit = _time_unit(value_ns)
    half = None if interval is None else abs(interval[1] - interval[0]) / 2 / factor
    decimals = _decimals(value_ns / factor, half)
    return Scale(factor, unit, max(decimals if factor > 1 else min(decimals, 1), 0))


def rate(items_per_s: float, interval: tuple[float, float] | None = None) -> Scale:
    """The scale of a throughput, by the same rule."""
    half = None if interval is None else abs(interval[1] - interval[0]) / 2
    return Scale(1.0, "items/s", max(_decimals(items_per_s, half), 0))


def _decimals(value: float, half: float | None) -> int:
    """half: of the interval's width, None where there is none. Below 0: digits before the point are not known."""
    leading = _exponent(value, _DIGITS)
    if half is None:
        return _DIGITS - 1 - leading
    least, most = 1 - leading, _MAX_DIGITS - 1 - leading
    return min(max(-_exponent(half), least), most) if half else most


def duration(ns: float | None, interval: tuple[float, float] | None = None) -> str:
    """`38.41 ms`; with the 95 % interval (low, high) in ns, only the digits that it leaves standing: `38.4 ms`."""
    return NONE if ns is None else scale(ns, interval).text(ns)


def short_duration(ns: float | None) -> str:
    """A time of secondary interest, three significant digits: `12.3 ms`."""
    if ns is None:
        return NONE
    factor, unit = _time_unit(ns)
    return Scale(factor, unit, max(0, 2 - _exponent(ns / factor, 3)) if factor > 1 else 0).text(ns)


def interval(low_ns: float | None, high_ns: float | None, estimate_ns: float, reason: str = "") -> str:
    """`[38.2, 38.6]`, in the unit and with the digits of the estimate; `— (reason)` where there is none."""
    if low_ns is None or high_ns is None:
        return f"{NONE} ({reason})" if reason else NONE
    as_estimate = scale(estimate_ns, (low_ns, high_ns))
    return f"[{as_estimate.number(low_ns)}, {as_estimate.number(high_ns)}]"


def percentile(value: Percentile) -> str:
    """`41.2 ms`, or why it is refused: `— (n=37 < 44)`."""
    if value.value_ns is None:
        return f"{NONE} ({value.reason})" if value.reason else NONE
    return duration(value.value_ns)


def size(size_bytes: float | None) -> str:
    """Decimal units, as on a disk's label: `81.3 MB`."""
    if size_bytes is None:
        return NONE
    for factor, unit in _SIZE_UNITS:
        if abs(size_bytes) >= factor * 0.9995:
            scaled = size_bytes / factor
            return f"{scaled:.{max(0, 2 - _exponent(scaled, 3))}f} {unit}"
    return f"{size_bytes:.0f} B"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of 1 as `12.3 %`."""
    if share is None or not math.isfinite(share):
        return NONE
    text = f"{share * 100:.{decimals}f}"
    return f"{text.removeprefix('-') if float(text) == 0 else text} %"


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """`1 case`, `3 cases`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def small(value: float | None) -> str:
    """A difference: `2e-06`, `0.03`."""
    return NONE if value is None else f"{value:.2g}"
