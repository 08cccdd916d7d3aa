"""Percentiles that are refused when there are too few samples to know them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.99
MINIMUM_INVOCATIONS = 3


@dataclass(frozen=True)
class Percentile:
    """value_ns, or None with the reason for which it is refused."""

    share: float
    value_ns: float | None
    reason: str = ""


def samples_needed(share: float) -> int:
    """How many samples give one above the `share` quantile with 99 % confidence: 1 - share^n >= 0.99.

    44 for p90, 90 for p95, 459 for p99. A lower bound: samples of one invocation are not independent.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must lie between 0 and 1: {share}")
    return math.ceil(math.log(1.0 - CONFIDENCE) / math.log(share))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of sorted values by linear interpolation between order statistics (Hyndman and Fan, type 7)."""
    if not ordered:
        raise ValueError("no values")
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def percentile(ordered: Sequence[float], share: float, invocations: int) -> Percentile:
    """The percentile of sorted latencies in ns, or the reason why so few samples or invocations cannot give it."""
    needed = samples_needed(share)
    if len(ordered) < needed:
        return Percentile(share, None, f"n={len(ordered)} < {needed}")
    if invocations < MINIMUM_INVOCATIONS:
        return Percentile(share, None, f"{invocations} invocation{'s' if invocations != 1 else ''} < 3")
    return Percentile(share, quantile(ordered, share))
