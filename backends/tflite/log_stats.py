"""The tool's statistics line: `count=50 first=.. curr=.. min=.. max=.. avg=.. std=.. p5=.. median=.. p95=..`.

Shorter forms: `count=1 curr=812`, `count=4 curr=7(all same)`, each with or without the percentiles, and `count=0`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NS_PER_US = 1000
_KEYS = frozenset(("first", "curr", "min", "max", "avg", "std", "p5", "median", "p95"))
_SAME = "(all same)"


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Latencies of one phase. What the line does not say is None. avg is printed with six significant digits.

    avg_text: as printed. all_same: the tool says that all values are curr.
    """

    count: int
    first_ns: float | None = None
    curr_ns: float | None = None
    min_ns: float | None = None
    max_ns: float | None = None
    avg_ns: float | None = None
    std_ns: float | None = None
    p5_ns: float | None = None
    median_ns: float | None = None
    p95_ns: float | None = None
    all_same: bool = False
    avg_text: str = ""

    @property
    def mean_ns(self) -> float | None:
        """The average, also where the line leaves it out because there is only one value."""
        if self.avg_ns is None and (self.count == 1 or self.all_same):
            return self.curr_ns
        return self.avg_ns

    @property
    def mean_text(self) -> str:
        """The average as the tool's summary line prints it (C++ streams: six significant digits)."""
        if self.avg_text or self.mean_ns is None:
            return self.avg_text
        return f"{self.mean_ns / NS_PER_US:g}"


def to_ns(text: str) -> float | None:
    """Microseconds as printed -> nanoseconds, an int where the text is one; None for nan. Raises ValueError."""
    if text.isdecimal():
        return int(text) * NS_PER_US
    if "_" in text:
        raise ValueError(text)
    value = float(text)
    return round(value * NS_PER_US, 3) if math.isfinite(value) else None


def parse_stats(text: str) -> Stats | None:
    """The line from `count=` on; None when it is none, or something else stands in it."""
    all_same = _SAME in text
    values: dict[str, str] = {}
    for token in text.replace(_SAME, " ", 1).split():
        key, equals, value = token.partition("=")
        if not equals or key in values or (key not in _KEYS and key != "count"):
            return None
        values[key] = value
    count = values.pop("count", "")
    if not count.isdecimal():
        return None
    if int(count) == 0:
        return Stats(count=0)  # the zeros behind it were not measured
    try:
        numbers = {f"{key}_ns": to_ns(value) for key, value in values.items()}
    except ValueError:
        return None
    if "curr" not in values:
        return None
    return Stats(count=int(count), all_same=all_same, avg_text=values.get("avg", ""), **numbers)
